# 記録のプログラムを、一つだけ変えて実行し直す（newllm replay 記録）。

## 結果
rerun-rise = ステップ{ $first }で訓練損失が{ $finite ->
        [yes] 上がる
       *[no] 有限でなくなる
    }{ $rises ->
        [1] { "" }
       *[other] （{ $rises }回の上昇のうち{ $number }回目。--spikeで選べる）
    }。
rerun-identical = プログラムを実行し直すと、ステップ{ $steps }まで損失は記録とビット単位で一致する。
rerun-repeated = プログラムを実行し直しても同じところで{ $finite ->
        [yes] 上がる
       *[no] 有限でなくなる
    }が、損失はステップ{ $parted }から記録と一致しない。シードを固定していないか、別のマシンで記録したときに起こる。
rerun-other = プログラムを実行し直すと、そこでは{ $finite ->
        [yes] 上がらない
       *[no] 損失は有限である
    }。損失はステップ{ $parted }で記録から離れる。そのため、何かを変えて実行しても何も示せない。シードを固定し、データとマシンが記録と同じであることを確かめてから、記録とリプレイをやり直す。
rerun-changed-data = { $files }が、記録のときに読んだものと違う。元に戻す。
rerun-failed = プログラムを実行し直すと、{ $finite ->
        [yes] 上昇
       *[no] そのステップ
    }の前に終わった{ $line ->
        [none] 。
       *[other] ：{ $line }
    }
rerun-out-of-time = プログラムが{ $finite ->
        [yes] 上昇のところ
       *[no] そのステップ
    }へ進む前に時間切れになった。--budgetを増やして同じコマンドを実行すると、続きから始まる。
rerun-by-chance = 変えた効果に見えるものが偶然かもしれないので、原因は示さない。
rerun-remedies = { $alone ->
        [yes] { "" }
       *[no] ほかに
    }{ $finite ->
        [yes] 上昇が消える変更
       *[no] 損失が有限のままになる変更
    }：{ $changes }。何が効くかはわかるが、なぜそうなったかはわからない。
rerun-one-update = ステップ{ $steps }の更新一つを除くだけで{ $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }。そのステップのバッチと勾配を調べる。
rerun-stays = 次の変更では、{ $finite ->
        [yes] 上昇の1割を超える部分が残る
       *[no] 損失はやはり有限でなくなる
    }：{ $changes }。
rerun-since = { $what }（ステップ{ $since }から）
rerun-unknown = 原因は不明である。オプティマイザの設定はそこで動いていないか、元の値に保っても効かなかった。試していないのはデータ、モデル、損失の計算である。以前の版のプログラムが正常だったなら、newllm bisectが原因の変更を探す。
rerun-seen = ドクターがそこで見たこと：{ $sentence }
rerun-untried = 原因が示されたので試していない変更：{ $names }（--only NAME で、それも効くかどうかがわかる）。
rerun-trials = プログラムを{ COUNT($count) }回、ステップ{ $horizon }まで実行した（{ G($seconds, digits: 3) }秒）{ $left ->
        [0] 。
       *[other] 。試していない変更があと{ COUNT($left) }個ある。newllm replay { $run }で続きから始まる。
    }
rerun-injected-there = 十分である：異常のなかったステップ{ $first }から{ $last }で学習率を{ G($factor) }倍にすると、そこで損失が上がる。
rerun-injected-not-there = 異常のなかったステップ{ $first }から{ $last }で学習率を{ G($factor) }倍にしても、損失はそれほど上がらない。ほかの何かと重なる必要がある。

## 原因
rerun-cause-hold-learning-rate = 原因はステップ{ $first }からの学習率（{ G($before) }ではなく{ G($within) }）である。{ G($before) }に保つと、{ $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }。
rerun-cause-hold-weight-decay = 原因はステップ{ $first }からの重み減衰（{ G($before) }ではなく{ G($within) }）である。{ G($before) }に保つと、{ $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }。
rerun-cause-hold-momentum = 原因はステップ{ $first }からのモメンタム（{ G($before) }ではなく{ G($within) }）である。{ G($before) }に保つと、{ $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }。
rerun-cause-clear-gradients = 原因は、次の更新に持ち越される勾配である。ステップ{ $first }から更新のたびに消すと、{ $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }。
rerun-cause-keep-state = 原因は、オプティマイザの更新以外で重みかモーメントを変える何かである。ステップ{ $first }からその変更を元に戻すと、{ $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }。
rerun-cause-skip-not-finite = 原因は、有限でない勾配である（最初はステップ{ $first }）。そのような勾配で更新しなければ、{ $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }。
rerun-given = 原因は、ステップ{ $first }からモデルと損失に与えるもの、またはそこでの計算にある：バッチ、目標、マスク、乱数、モデルが持ち越す状態。その前から一度も更新せず、重みがすべて元のままでも、同じように{ $finite ->
        [yes] 上がる
       *[no] 有限でなくなる
    }。

## 変えるもの
rerun-change-hold-learning-rate = ステップ{ $first }から学習率を{ G($before) }に保つ
rerun-change-hold-weight-decay = ステップ{ $first }から重み減衰を{ G($before) }に保つ
rerun-change-hold-momentum = ステップ{ $first }からモメンタムを{ G($before) }に保つ
rerun-change-clear-gradients = ステップ{ $first }から更新のたびに勾配をすべて消す
rerun-change-keep-state = オプティマイザの更新以外による重みとモーメントの変更をすべて元に戻す
rerun-change-skip-updates = ステップ{ $first }から更新しない
rerun-change-skip-not-finite = ステップ{ $first }から、勾配が有限でないときは更新しない
rerun-change-skip-one-update = ステップ{ $first }だけ更新しない
rerun-change-clip-gradients = ステップ{ $first }から勾配を{ G($norm, digits: 3) }にクリップする
rerun-change-half-learning-rate = ステップ{ $first }から学習率を半分にする
rerun-change-inject = ステップ{ $first }から{ $last }で学習率を{ G($factor) }倍にする

## 実行中の表示と表
rerun-begins = { $run }の訓練損失はステップ{ $first }で{ $finite ->
        [yes] 上がる
       *[no] 有限でなくなる
    }。プログラムをステップ{ $horizon }まで実行し直し、次に最大{ COUNT($count) }個の変更を一つずつ試す
rerun-edited = { $files }は、その後に変更されている。実行するのは記録したときのものである。
rerun-late = 試していない変更を{ COUNT($left) }個残して時間切れになった。--budget SECONDSで時間を増やせる。
rerun-tried = { $number }  { $what }：{ $outcome }（{ $steps }ステップ、{ G($seconds, digits: 2) }秒）
rerun-as-it-was = そのままのプログラム
rerun-outcome-gone = { $finite ->
        [yes] 上昇は消える
       *[no] 損失は有限のままになる
    }
rerun-outcome-less = 上昇の{ G($share, digits: 2) }%が残る
rerun-outcome-stays = { $identical ->
        [yes] 記録とビット単位で一致
       *[no] { $since ->
            [none] { "" }
           *[other] ステップ{ $since }から
        }{ $finite ->
            [yes] 上がる
           *[no] 有限でなくなる
        }{ $larger ->
            [yes] （元の{ G($times, digits: 2) }倍）
           *[no] { "" }
        }
    }
rerun-outcome-there = そこでも上がる
rerun-outcome-not-there = そこでは上がらない
rerun-outcome-failed = 早く終わった
rerun-outcome-not-made = 変えるものがない
