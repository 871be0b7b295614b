# 文章を読まない実行（画像、表、音声など）について、トークンに触れる文の代わりに述べること。

finding-loss-drop =
    .explained = 訓練損失が一時的に傾向を大きく下回り、その後戻った。多くの場合、その間のバッチがやさしすぎる（反復するサンプル、損失に数えられない予測対象）。まず、それらのステップのバッチを見る。
    .sentence = { SIGNAL($signal) }が{ G($base) }から下がって{ axis-unit }{ $lowest }で{ G($low) }になり、{ $last }の後は再び高い。
    .no-targets = 予測対象のないバッチ
    .seen-text = すでに訓練に現れたサンプル
    .test = これらのステップのバッチを見る。

finding-worse-than-uniform =
    .explained = 損失がln K（K個のクラスをすべて同じ確率とみなすモデルの損失）を超えている。何も知らないモデルより悪く、確信をもって間違えている。超えたステップと、予測対象の作り方をまず調べる。
    .sentence = { SIGNAL($signal) }が、{ $points ->
        [1] { axis-unit }{ $first }で、
       *[other] { axis-unit }{ $first }から{ $last }までの{ $points }点で、
    }{ $vocabulary }クラスの一様な推測（ln { $vocabulary } = { G($uniform) }）より悪い。最大は{ G($worst) }である。
    .other-units = 損失が合計、スケーリング、または正則化されており、平均の交差エントロピーではない
    .test = ロジットがすべて0のモデルを評価する。その損失はクラス数の対数になるはずである。

finding-over-fitting =
    .explained = 訓練損失が下がり続ける一方で、検証損失が上昇に転じた。モデルは訓練データを暗記している。検証損失が最良のチェックポイントを使う。データを増やすか、データ拡張を加えるか、モデルを小さくするとよい。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $first }で最良（{ G($best) }）となり、その後約{ G($rise, digits: 3) }上昇した。{ $training_fell ->
        [yes] その間、訓練損失は下がった。
       *[no] { "" }
    }
    .surer = 大半は正解のままで、少数の予測対象についてますます確信をもって間違えている（正解率を見る）
    .never-trained = 訓練に一度も現れない予測対象（損失をクラスごとに分ける）
    .test = 同じステップ数で、より多くのデータで訓練する。過学習なら小さくなり、ほかの原因なら変わらない。

finding-validation-gap =
    .explained = 最初の評価から、それまでに学んだことでは説明できないほど、検証損失と訓練損失が食い違っている。訓練前のモデルの損失はどちらでも同じはずなので、一方の測り方か準備が異なる。訓練のバッチを評価と同じコードで評価してみる。
    .sentence = 検証損失が最初の評価で{ G($validation) }であり、その時点の訓練損失は約{ G($training) }である。差はその後も残る。二つは同じものを測っていない。
    .within = { axis-unit }{ $step }で検証損失は{ G($validation) }、訓練損失は約{ G($training) }である。この時点ではどのデータもまだ一度しか読まれていない。差はその後も残る。二つは同じものを測っていない。
    .never = 検証損失が約{ G($validation) }のままで、訓練開始時の損失{ G($start) }をほとんど下回らない。訓練損失は{ G($training) }まで下がっている{ $new ->
        [yes] （最初の評価は、どのデータもまだ一度しか読まれていない第1エポック内である）
       *[no] { "" }
    }。訓練で学んだことと、検証で問われることが異なる。
    .scaled = 何も学ばないうちから検証損失が訓練損失の{ FIXED($times, digits: 0) }倍であり、その後は同じように下がる。二つの単位が異なる（合計と平均、勾配累積のステップ数で割った損失など）。
    .chosen = 最初の評価で検証損失は{ G($validation) }、訓練損失は約{ G($training) }である。評価では{ COUNT($many) }個から、訓練では{ COUNT($few) }個から選んでおり、それだけで同じくらいの差になる。
    .other-text = 訓練とは種類の異なる検証データ
    .trained-before = 訓練済みのモデルから始めた実行
    .test = 訓練のバッチをいくつか、評価のコードで評価する。訓練損失と同じ値になるはずである。

finding-too-good =
    .explained = 検証データでも損失がほぼ0である。予測すべきものがモデルに見えている。入力に答えが含まれていないか、検証のサンプルが訓練に入っていないかを確かめる。
    .sentence = 訓練損失が{ G($training) }、検証損失が{ G($validation) }で、{ axis-unit }{ $step }までにほぼ0になった。これほど予測できるデータはほとんどない。
    .low = { axis-unit }{ $step }までに、訓練損失は{ G($training) }、検証損失は{ G($validation) }まで下がる。これだけのクラスの課題では、ふつうこれより多く残る。
    .one-answer = コピーや計算など、答えが一つに決まる課題
    .test = 入力をノイズに置き換える。それでも損失が低いなら、答えが別の経路でモデルに届いている。

finding-dead-units =
    .explained = ある層のユニットの大半が、どの入力に対しても0である。何も計算せず、勾配も受けとらない。より大きいバッチでその層を見てから、小さい学習率で訓練し直す。
    .sentence = { $worst }のユニットの{ PERCENT($share) } %が、どの入力に対しても0である（層: { $layers }）。
    .small-batch = バッチが小さく、多くのユニットが偶然働いていない
    .sparsity = 意図したスパース性
    .test = より大きいバッチで同じ層を調べ、その前から小さい学習率で訓練し直す。

finding-auxiliary-loss =
    .explained = 主な損失に加えられた項が、際限なく大きくなったか、消えたか、逆の符号で数えられている。その大きさと符号を目的（エキスパートの釣り合い、コードブックの使用、探索）と比べ、それが働きかける対象を表示する。
    .sentence = { SIGNAL($signal) }は約{ G($usual) }だったが、{ axis-unit }{ $first }から{ $explodes ->
        [yes] 急に増え
       *[no] ほぼ消え
    }、{ G($level) }になった。
    .one = { axis-unit }{ $first }以降、{ SIGNAL($signal) }は{ G($level) }である。{ $experts ->
        [yes] 1つのエキスパートがすべてを受け取っている
       *[no] 1つのコードがすべてを表している
    }。
    .subtracted = { SIGNAL($total) }は記録された成分の和であり、その中で{ SIGNAL($signal) }の重みは{ G($weight) }である。この成分は{ G($first) }から{ G($last) }になった。訓練は、この成分を小さくせずに大きくしている。
    .added = { SIGNAL($total) }は記録された成分の和であり、その中で{ SIGNAL($signal) }の重みは{ G($weight) }である。エントロピーは{ G($first) }から{ G($last) }になった。エントロピーボーナスは方策のランダムさを保つためのものだが、訓練はそれを減らしている。
    .asked = 方策の出力の勾配によると、{ axis-unit }{ $first }から{ $last }まで、損失は方策のエントロピーとともに大きくなる（重み{ G($weight) }）。エントロピーボーナスは方策のランダムさを保つためのものだが、訓練はそれを減らしている。
    .weight = 意図して変えた、この損失の重み
    .less-random = ランダムさを減らしたい方策
    .wanted = ボーナスのように、大きくしたい成分
    .sign = 1つのバッチの損失を成分から手で計算し、符号を比べる。
    .test = 入力がエキスパートにどう分けられるか、またはコードブックがどれだけ使われるかを表示する。

known-vocabulary = { COUNT($count) }クラス
unseen-vocabulary = クラスまたはトークンの数（--vocab Nで指定できる）
unit-loss = { "" }
term-repeated-text = 反復するデータ
