# ログ全体についてdoctorが述べる一行（端末とページで共通）。

## 判定
doctor-nothing_wrong = 異常は見つからなかった（{ COUNT($signals) }信号、{ COUNT($points) }点）{ $less_than ->
    [none] {""}
   *[other] 。ただし、オプションなどが異なる{ $less_than }より結果が劣る
}{ $notes ->
    [none] {""}
   *[other] 。{ $notes }
}。
doctor-unjudged_because = 何も判定できない。{ $why }{ $notes ->
    [none] {""}
   *[other] 。{ $notes }
}。
doctor-lost = モデルは使いものにならない：{ $how }。所見：{ $tally }。
ending-not-finite = 損失が{ $axis }{ $step }から最後まで有限でない
ending-above-start = 損失は最後に{ G($loss) }で、開始時の{ G($start) }をはるかに上回る
ending-back-at-start = 損失は最後に{ G($loss) }で、開始時の{ G($start) }から良くなっていない
tally-fault = 異常{ COUNT($count) }件
tally-warning = 警告{ COUNT($count) }件
tally-note = 注記{ COUNT($count) }件

## 読んだもの
contents = { COUNT($signals) }信号、{ COUNT($points) }点（{ $steps }）：{ $names }
contents-nothing = 点がない
known-parameters = { COUNT($count) }パラメータ
known-vocabulary = 語彙数{ COUNT($count) }
known-layers = { COUNT($count) }層
would_tell-role = { $unnamed }{ $count ->
    [1] {""}
   *[other] のどれか
}が{ SIGNAL($column) }なら、--role { $column }=COLUMNで指定する。次の原因がわかる場合がある：{ $causes }。そうでなければ、{ SIGNAL($column) }もログに残す。
would_tell-column = { $column ->
    [recording] 記録（newllm.record）があれば、次の原因がわかる場合がある：{ $causes }。
   *[other] { SIGNAL($column) }もログに残せば、次の原因がわかる場合がある：{ $causes }。
}
would_tell-wrong = 訓練前の検査で問題が見つかったもの：{ $probes }。
would_tell-sound = 訓練前の検査で異常のなかったもの：{ $probes }。
would_tell-check = { $call }を実行すると、最初のステップの前に次を調べられる：{ $probes }。
numbering-recording = ステップは1から数える（recorder.step()の最初の呼び出しがステップ1）。
numbering-zero = { $axis }の番号はログのとおりで、0から始まる。
remark_line-note = 注記：{ $remark }
remark_line-left-out = 読み込まなかったもの：{ $remark }

## 所見の位置と確度
steps-at = { $axis }{ $step }
steps-range = { $axis }{ $first }〜{ $last }
steps-from = { $axis }{ $first }以降
steps-until = { $axis }{ $last }まで

## ページ
doctor-causes = 考えられる原因

causes-unknown = 不明。このログには、原因を証明するものがない。可能性のある原因：{ $causes }。
doctor-figure = { $signal }、{ $steps }
figure-in_grey = 灰色：{ $other }
doctor-not_finite = 有限でない値
doctor-marked = 所見
doctor-no_finite_value = { $signal }：有限の値がない

checked = 調べて警告のなかったもの：{ $subjects }。
doubtful = 警告はないが、ほとんど下がっていないか、最低値より高く終わったため、正常とはいえないもの：{ $subjects }。
checked-loss = 訓練損失
checked-validation = 訓練損失と検証損失の比較
checked-accuracy = 正解率
checked-rate = 学習率とスケジュール
checked-gradients = 勾配ノルム
checked-auxiliary = 補助損失
checked-state = 更新の間の状態{ $percent ->
        [100] { "" }
       *[other] （更新のたびにテンソルの{ $percent }%を調べる。一つのテンソルに一度だけ起きる変化は、その確率で見つかる）
    }
checked-updates = 層の更新
checked-given = モデルへの入力
checked-asked = 損失の形と予測対象
checked-layers = 層の信号
checked-data = データ

## 複数の実行またはログのあるディレクトリ
several-logs = { $kind ->
    [runs] 実行
   *[logs] ログ
}{ $count }件{ $wrong ->
    [0] { $unjudged ->
        [0] 、どれにも異常は見つからなかった
       *[other] 。異常は見つからなかったが、うち{ $unjudged }件はデータが足りず判定できない
    }
   *[other] 。うち{ $wrong }件に異常または疑わしい点がある。最も重いものの詳細を下に示す
}
several-unread = 調べていないもの：{ $name }（{ $why }）
several-more_unread = 調べていないもの：ほか{ COUNT($count) }件（--jsonですべて示す）
several-too_many = 一つのディレクトリで読むのは最初の{ $most }件だけである
several-lost = モデルは使いものにならない：{ $how }。
