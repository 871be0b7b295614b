# リプレイ全体から言えること：判定の三つの文、原因に足りないもの、表の言葉。

## 起きたこと
happened = ステップ{ $onset }で{ NAMED($signal, kind: "spiked") }が傾向から上に外れた（{ $height ->
    [none] 際限なく上昇
   *[other] { G($base, digits: 3) }から+{ G($height, digits: 3) } nat
}、ピークはステップ{ $peak }）。{ $depends_on_seed ->
    [yes] 起こるかどうかはシードによる
   *[no] シードを変えても再現する
}（{ $n }回のリプレイのうち{ $spiked }回）。
happened-unseen = ステップ{ $onset }で{ NAMED($signal, kind: "spiked") }が傾向から上に外れた（{ $height ->
    [none] 際限なく上昇
   *[other] { G($base, digits: 3) }から+{ G($height, digits: 3) } nat
}、ピークはステップ{ $peak }）。ただし、この損失のばらつきと区別するには小さすぎる。上昇は水準の{ G($times, digits: 2) }倍までで、{ G($limit, digits: 2) }倍までは偶然でも起こりうる。
happened-decided = { $said }この損失はばらつきが大きく、リプレイで見分けにくいので、{ $by }で判定する。
spiked-loss = 訓練損失
spiked-validation = 検証損失
spiked-gradient_norm = 勾配ノルム

## どの変更が何をするか
helps-removes = { $change }で{ $stays ->
    [0] {""}
   *[other] { $decided }の
}スパイクはなくなる。新しい{ $n }回のリプレイで一度も起こらない（p = { G($p, digits: 2) }{ $loss ->
    [unknown] {""}
    [same] 、損失は変わらない
    [behind] 、同じステップ数での損失は{ G($nats, digits: 2) } nat高い
   *[ahead] 、同じステップ数での損失は{ G($nats, digits: 2) } nat低い
}）。{ $stays ->
    [0] {""}
   *[other] ただし、{ $left }には残る。
}{ $more ->
    [0] {""}
   *[other] { $others }でもなくなる。
}
helps-unsure = 確実になくす変更はない。{ $change }では、{ $outcome ->
    [reduces] スパイクは小さくなる
    [delays] スパイクは遅れて起こる
   *[removes] スパイクはなくなるが、偶然かもしれない
}（{ $effect ->
    [none] {""}
   *[other] 激しさの{ PERCENT($effect) }%が消える、
}新しい{ $n }回のリプレイ）。
helps-screened = 確認できた変更はない。予備選別では{ $name }が最もよかったが、予備選別からは何も主張できない。
helps-nothing = 試した変更のどれもスパイクをなくさない。
helps-untried = 試した変更はない。

## 原因
cause-shown = 原因は{ $name }である（{ NAMED($name, kind: "term") }。{ $hypothesis }）。別の仕組みを同程度に強く変えた{ $alternatives }件の変更は、どれもスパイクをなくさない。この原因を正常な区間に注入すると、{ $n }回のリプレイのうち{ $spiked }回でスパイクが起こる。
cause-shown_counted = 原因は{ $name }である（{ NAMED($name, kind: "term") }。{ $hypothesis }）。別の仕組みを同程度に強く変えた{ $alternatives }件の変更{ $once ->
    [0] {""}
    [all] （いずれも1回だけリプレイした）
   *[other] （うち{ $once }件は1回だけリプレイした）
}は、どれもスパイクをなくさない。この原因を正常な区間に注入すると、{ $n }回のリプレイのうち{ $spiked }回でスパイクが起こる。
cause-batches = { $said }{ $count ->
    [1] 0から数えてバッチ{ $first }を確かめるとよい。ステップ{ $step }の更新が読むバッチである。
   *[other] 0から数えてバッチ{ $first }〜{ $last }を確かめるとよい。これを最初に読むのはステップ{ $step }の更新である。
}
cause-explained = { $said }{ $names }でもスパイクはなくなるが、すべての更新を抑えるか、同じバッチを読まなくするためであり、この原因を否定しない。
cause-explained_why = { $said }{ $names }でもスパイクはなくなる。{ $why ->
    [updates] これらは、原因を問わず、大きな更新やスパイクを弱める
    [batches] これらも、読むバッチを変える
   *[both] これらは、原因を問わず、大きな更新やスパイクを弱めるか、やはり読むバッチを変える
}ものなので、この原因を否定しない。
cause-remedy = 対策は見つかったが、原因はまだ示されていない。{ $missing }
cause-open = 原因は示されていない。{ $missing }
cause-suspect = { $said }試したことからは、{ $name }が最も疑わしい。
cause-none = 原因は示されていない。

## 原因に足りないもの
missing-not_moved = { $name }は狙った信号（{ NAMED($signal, kind: "aim") }）を動かさなかったので、何も検証していない。
missing-others = { $name }のほかに、別の仕組みに働く{ $names }もスパイクをなくした。
missing-others_screened = { $name }のほかに、予備選別では{ $names }もスパイクをなくした。時間を長くすれば（--budget、budget=）、本当になくすかどうかが分かる。
missing-dampens = { $name }は、無関係なスパイクも{ PERCENT($share) }%小さくし、その原因を裏づけるものはログにない。
missing-rivals = { $name }と同じ強さで変えた別の仕組みが{ $least }種類に満たない。ほかの変更も試す必要がある。
missing-reverse = { $name }には逆の検証がない（注入するもの、正常な区間、時間のいずれかがなかった）。
missing-reverse_nothing = { $name }には注入できるものがないので、逆の検証がない。
missing-reverse_segment = スパイクより前に正常な区間がないので、{ $name }の逆の検証はできなかった。
missing-reverse_time = { $name }の逆の検証をする時間がなかった。時間を長くすれば（--budget、budget=）検証できる。
missing-reverse_begun = { $name }の逆の検証は始まったが、途中で時間が尽きた。時間を長くすれば（--budget、budget=）終えられる。
missing-planted = { $name }の逆の検証は成功しなかった。狙う原因を正常な区間に注入すると、{ $n }回のリプレイのうち{ $spiked }回、注入しないと{ $without }回でスパイクが起こった。注入すればすべてで起こり、しなければ一度も起こらない必要がある。
missing-confirmation = { $names }は予備選別でだけスパイクをなくした。時間を長くすれば（--budget、budget=）、本当になくすかどうかが分かる。
missing-unsure = { $name }：新しいリプレイ{ $n }回でスパイクがなくなるが、変更しなくても起こらないことが多い（p = { G($p, digits: 2) }）。この変更がなくしたのかどうかは確かでない。
missing-time = { $n }件の変更のうち{ $untried }件は、試す時間がなかった。時間を長くすれば（--budget、budget=）試せる。
missing-unseen = 見えないものは、なくなったかどうかも見えないので、変更は試さなかった。バッチを大きくするか、ほかのデータでの損失（validate=）を加えると、よりはっきり見える。
missing-remedy = 試した変更のどれもスパイクをなくさない。原因は変えたものの中にないか、二つの原因が同時に働いている。

## 変更のないリプレイ
differs-where = 変更のないリプレイが元の実行を再現しない。ステップ{ $step }{ $parameter ->
    [none] {""}
   *[other] の{ $parameter }
}から異なる。
differs-so = 変更の効果をこの食い違いと区別できないので、どの変更も試していない。
differs-fix = 食い違いの元を直す（別のマシン、別のバージョン、別のテキスト、またはシードとステップだけで決まらないコード）。
differs-fix_batch = 同じ状態からの二つのリプレイも、そこで異なるバッチを読む。batchは、ステップだけで決まる関数でなければならない。
differs-fix_chance = 同じ状態からの二つのリプレイも、そこで分かれる。訓練が、リプレイでは元に戻せない{ $generator ->
    [torch] torchの乱数生成器
    [numpy] numpyの乱数
   *[python] Pythonの乱数
}を使っている。ステップをシードにするか、torchのグローバルな生成器を使う。
differs-fix_kept = 同じ状態からの二つのリプレイも、そこで分かれる。訓練の動作を決めるもの（重みの平均、最良の損失、カウンタ、独自の乱数生成器など）が、モデルとオプティマイザの外に置かれている。モデルのバッファに置けば、どのリプレイも元の値から始まる。

## 訓練の外で変わった状態
changed-state-where = 再現できない。ステップ{ $first }と{ $last }の間に、訓練の外で状態が変わった{ $parts ->
    [0] {""}
   *[other] （{ $what }）
}。
changed-state-weights = { $layers }の重み
changed-state-frozen = { $layers }の固定した重み
changed-state-moments = { $layers }のモーメント
changed-state-buffers = { $layers }のバッファ
changed-state-shown = ステップ{ $first }までは元の実行と{ $exact ->
    [yes] ビット単位で
   *[no] {""}
}一致する{ $recorded ->
    [yes] 。更新の直後と次の更新の直前とでビットが違うことを、記録器が検出している
   *[no] {""}
}{ $resumed ->
    [yes] 。元の実行のステップ{ $start }の状態から始めたリプレイは、ステップ{ $end }まで再び一致する
   *[no] {""}
}{ $differing ->
    [0] {""}
   *[other] 。ステップ{ $start }での両者の状態が最も異なるのは{ $tensors }である
}。
changed-state-fix = { $before ->
    [yes] そのため、どの変更も試していない。原因は訓練の中にない。そのステップで状態に書き込むもの（読み込まれたチェックポイント、オプティマイザ以外のコード、別のプロセス）を探す。何もなければ、メモリかディスクを疑う。その後、ステップ{ $first }より前から訓練し直す
   *[no] スパイクはその前に始まっているので、リプレイしていない。まず、そのステップで状態に書き込むものを探す。その後、ステップ{ $first }より前から訓練し直す
}。

## 変更のないリプレイの表
exact-differs = 元の実行と異なる：{ $difference }
exact-unknown = 比べるものがなかった
exact-same = { $steps ->
    [0] {""}
   *[other] { COUNT($steps) }ステップにわたり
}{ $tolerance ->
    [none] ビット単位で一致
   *[other] { $tolerance }の範囲で一致
}（{ $weights ->
    [yes] 重みも一致
   *[no] 損失だけ。後の重みは保存されていない
}）
difference-unknown = どこで異なるかは分からない

## シードを変えたリプレイ
other_chance = シードを変えた{ COUNT($n) }回のうち{ COUNT($spiked) }回でスパイクが起こる{ $places ->
    [0] {""}
   *[other] （{ $starts }から）
}{ $depends_on_seed ->
    [yes] 。シードによるので、割合を比べる
   *[no] {""}
}
from_step = ステップ{ COUNT($step) }

## 一つの変更
tried-change = { $change }（ステップ{ COUNT($start) }から）。
tried-price = { $price }
tried-moved = 狙った信号（{ NAMED($signal, kind: "aim") }）を{ $moved ->
    [yes] 動かした
   *[no] 動かさなかった
}{ $ratio ->
    [none] {""}
   *[other] （対照の{ G($ratio, digits: 3) }倍）
}。
tried-dampens = 無関係な対照スパイクも{ PERCENT($share) }%小さくする。
tried-left = スパイクは{ $losses }に残る。
tried-left_in = { $loss }（{ $n }回のうち{ COUNT($spiked) }回）
tried-left_smaller = { $loss }（{ $n }回のうち{ COUNT($spiked) }回。激しさは元の{ PERCENT($share) }%）
between_sentences = {""}
aim-update_ratio = 更新比
aim-second_moment_mismatch = 二次モーメントの遅れ
aim-gradient_norm_clipped = クリッピング後の勾配ノルム
aim-context_norm = 文脈ベクトルのノルム
aim-activation_rms = 活性値の大きさ
aim-batches = 読んだバッチ
aim-validation = 検証損失
aim-numerics = 数値計算
aim-state = 状態
aim-dropout = ドロップアウト
followed-loss = 訓練損失
followed-probe = プローブ損失
followed-validation = 検証損失
followed_of = { NAMED($class, kind: "class") }の{ $loss }

## 原因を支持するもの
shown-by = スパイクをなくした変更
shown-moved = 動かした信号
shown-moved_to = { NAMED($signal, kind: "aim") }{ $ratio ->
    [none] {""}
   *[other] （対照の{ G($ratio, digits: 3) }倍）
}
shown-alternatives = スパイクをなくさない別の変更
shown-explained = 別の理由でスパイクをなくす変更
shown-injected = 注入
shown-injected_in = { COUNT($n) }回のリプレイのうち{ COUNT($spiked) }回でスパイクが起こる（注入しないときは{ COUNT($without) }回、ステップ{ COUNT($start) }からの正常な区間）
suspected = { $intervention }{ $outcome ->
    [removes] でなくなる
    [reduces] で小さくなる
    [delays] で遅れる
    [no-effect] ではほとんど変わらない
   *[undecided] では判定できない
}{ $stage ->
    [screened] （予備選別のみ）
   *[confirmed] {""}
}、{ $moved ->
    [yes] 狙った信号を動かした
   *[no] 狙った信号を動かさなかった
}{ $injected ->
    [yes] 、注入するとスパイクが起こる
   *[no] {""}
}
suspected-dampens = { $suspected }、無関係な対照スパイクも{ PERCENT($share) }%小さくする

replays_show = リプレイの結果：{ $sentence }
