# プログラムのどの変更が訓練を悪くしたか（newllm bisect）。

## 結果
bisect-unfinished = まだ判定はない。同じコマンドで続きから始まる。
bisect-given = 損失と指標の違いは、別の乱数シードでも生じる範囲にある。訓練に与えたものの違いを生む変更：
bisect-given-late = 時間切れである。損失と指標の違いは、別の乱数シードでも生じる範囲にある。訓練に与えたものの違いを生む変更のうち、これまでにわかったもの（--budgetを増やして同じコマンドを実行すると、続きから始まる）：
bisect-brings = { $places }が{ $count ->
        [1] 生む
       *[other] 合わせて生む
    }違い：{ $said }。
bisect-brings-none = 生む変更が見つかっていない違い：{ $said }。
bisect-cause = { $count ->
        [1] 原因はこの変更である：{ $places }。
       *[other] 原因はこの{ COUNT($count) }個の変更の組み合わせで、どれも欠かせない：{ $places }。
    }
bisect-carried = { $places }は{ $count ->
        [1] そこで使う名前を変えるだけ
       *[other] どれもそこで使う名前を変えるだけ
    }だが、同時に加える必要がある。
bisect-sufficient = 十分である：正常なプログラムに{ $count ->
        [1] この変更
       *[other] これらの変更
    }だけを加えると、同じことが起きる：{ CLAUSE($parts) }。
bisect-necessary-yes = 必要である：{ $others ->
        [0] { $count ->
            [1] これ
           *[other] これら
        }を除けば正常なプログラムであり、起きない。
       *[other] ほかの{ COUNT($others) }個の変更をすべて加えても、{ $count ->
            [1] これ
           *[other] これら
        }がなければ起きない。
    }
bisect-necessary-no = 必要ではない：{ $count ->
        [1] これ
       *[other] これら
    }がなくても、ほかの変更で同じことが起きる。まずここを直し、もう一度bisectを実行して残りを探す。
bisect-necessary-unknown = 必要かどうかは不明である：ほかの変更をすべて加えて{ $count ->
        [1] これ
       *[other] これら
    }を除くと、プログラムがエラーで終わる。
bisect-contradicted = 試行の結果が一致しない：{ $count ->
        [1] この変更
       *[other] これらの変更
    }を加えた{ $with }回のうち{ $wrong }回、加えない{ $without }回のうち{ $despite }回で起きた。乱数シードを固定していないか、ある変更が別の変更の影響を隠す場合に、こうなる。
bisect-not-repeated = 正常なプログラムをもう一度実行すると、損失がビット単位では一致しない（乱数シードを固定していないか、別のマシンで記録した場合など）。個々の試行の結果は偶然かもしれない。
bisect-not-the-sound-run = { $failed ->
        [yes] 正常なプログラムをもう一度実行したところ、十分に記録する前に終わった。
       *[no] 正常なプログラムをもう一度実行したところ、{ $sound }と異なる：{ CLAUSE($parts) }。違いはプログラムの外にある。データ、バージョン、マシン、環境変数などの設定、または固定されていない乱数である。
    }
bisect-outside = { $tried ->
        [yes] { COUNT($changes) }個の変更をすべて加えても起きない。原因はプログラムの外にある。乱数シード、データ、バージョン、マシン、または環境変数などの設定である。
       *[no] 二つのプログラムは、訓練に影響しない点を除いて同じである。原因はプログラムの外にある。乱数シード、データ、バージョン、マシン、または環境変数などの設定である。
    }
bisect-elsewhere = プログラムは{ $files }を自分のディレクトリではなく、インストール済みのパッケージなど別の場所から読み込んでいる。コピーを変更しても効果がない。pip install -eでインストールするかアンインストールしてから、もう一度bisectを実行する。
bisect-unresolved = すべての変更を加えると、プログラムは十分に記録する前に終わる。何も判定できない。
bisect-out-of-time = { $count ->
        [0] 時間切れで、まだ何もわかっていない。
        [1] 時間切れである。この変更で同じことが起きるが、必要かどうかはまだわかっていない：{ $places }。
       *[other] 時間切れである。原因は次の{ COUNT($count) }個の変更のなかにある：{ $places }。
    }--budgetを増やして同じコマンドを実行すると、続きから始まる。
bisect-last-line = 最後の出力：{ $line }
bisect-printed-nothing = 何も出力しなかった。
bisect-no-input = 試行には標準入力がない。プログラムに、答えの代わりになるオプションを加える。
bisect-failed = { COUNT($count) }回の試行がエラーで終わり、判定に使えない。
bisect-moved = 同じでないもの：{ $things }。
bisect-moved-one = { $name }が{ $now }（あちらでは{ $there }）
bisect-seeds = 乱数シードも異なる（{ $places }）。{ $seeded ->
        [yes] 両方のプログラムのシードで試した
       *[no] 正常なプログラムのままにした
    }。
bisect-seeded = 正常なプログラムのシードでは何も現れない。これらの試行はすべて、その実行のシードで行った（{ $places }）。
bisect-trials = ステップ{ COUNT($horizon) }まで{ COUNT($count) }回の試行、合計{ FIXED($seconds) }秒。
bisect-more = …ほか{ COUNT($count) }行
bisect-left-out = 二つの訓練の間に書かれた{ COUNT($count) }個のファイルは、コピーに含めていない：{ $names }{ $more ->
        [0] { "" }
       *[other] など
    }。
bisect-left-out-after = 訓練が終わってから1分以内に書かれた{ COUNT($count) }個のファイルは、その実行が書いた可能性があるため、コピーに含めていない：{ $names }{ $more ->
        [0] { "" }
       *[other] など
    }。
bisect-roots = 二つのプログラムのディレクトリが異なる。試行は{ $run }ではなく、正常な実行の{ $sound }のコピーで行う。
bisect-ranks = { $runs }の{ COUNT($count) }件は、torchrunが起動したのではない複数のプロセスで記録された。試行は一つのプロセスで実行する。

## 実行中
bisect-begins = { $sound }のプログラムから{ $run }のプログラムへの変更は{ COUNT($changes) }個、試行はステップ{ COUNT($horizon) }まで
bisect-stage-sound = 正常なプログラム
bisect-stage-all = { COUNT($count) }個の変更すべて
bisect-stage-search = { $more ->
        [0] { $places }
       *[other] { COUNT($count) }個の変更
    }
bisect-stage-without = { $count ->
        [0] 変更なし
       *[other] ほかの{ COUNT($count) }個
    }
bisect-outcome-parts = 同じことが起きる
bisect-outcome-given = 同じ違いがある：{ CLAUSE($parts) }{ $more ->
        [0] { "" }
       *[other] 、ほか{ COUNT($more) }個
    }
bisect-outcome-otherwise = 異なるが、同じではない
bisect-outcome-sound = 正常{ $identical ->
        [yes] （ビット単位で同じ）
       *[no] { "" }
    }
bisect-outcome-failed = エラーで終わる
bisect-tried = { $number }  { $what }：{ $outcome }（{ COUNT($steps) }ステップ、{ FIXED($seconds, digits: 1) }秒）
