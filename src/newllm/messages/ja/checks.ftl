# newllm.check：各検査の問い、なぜ大切か、最初にすること、そして見つかったこと。

check-runs = 損失は計算できるか
    .why = 損失がなければ学習は始まりません。
    .first = エラーを読んでください。loss(model, batch) そのものから出ています。
    .wrong = 損失を計算できません：{ $why }

check-finite = 損失と勾配は有限の数か
    .why = 勾配に一つでもNaNや無限大があれば、すべての重みに広がります。
    .first = 出力が有限でなくなる最初の層を探します（torch.autograd.detect_anomaly）。0の対数や平方根がないか調べてください。
    .sound = 損失は{ G($loss) }、勾配はすべて有限です
    .loss = 学習を始める前から損失が{ $loss }です
    .gradient = 損失は有限ですが、{ $name }{ $count ->
        [one] { "" }
       *[other] など{ COUNT($count) }個のテンソル
    }の勾配が有限ではありません
    .detached = 損失に勾配がありません。どの重みにも依存していません（途中に detach、no_grad、.item() があります）

check-repeatable = 同じステップは同じビットになるか
    .why = 再現できないものはリプレイできず、不具合も二度と見つけられません。
    .first = 損失がモデルとバッチ以外に読むものを探します。カウンター、時計、独自の乱数生成器、持ち越される状態などです。
    .sound = 同じシードで二度計算し、損失も勾配もビット単位で一致しました
    .loss = 重み、バッチ、シードが同じなのに、損失は{ EXACT($first) }、次は{ EXACT($second) }でした
    .gradient = 損失は二度とも同じですが、{ $name }の勾配が一致しません（{ COUNT($count) }個のテンソルで相違）

check-optimizer-holds = 学習対象のパラメータはすべてオプティマイザに一度ずつあるか
    .why = オプティマイザにないパラメータは初期値のまま動かず、ほかのどこにも現れません。
    .first = モデルへの変更（移動、ラップ、重み共有、新しいヘッド）をすべて終えてから、model.parameters() でオプティマイザを作ります。
    .sound = 学習対象の{ COUNT($count) }個のテンソルがすべて一度ずつ入っています{ $others ->
        [0] { "" }
       *[other] （モデル以外のものが{ COUNT($others) }個）
    }
    .nothing-trainable = 勾配を必要とするパラメータがモデルに一つもありません
    .other-model = オプティマイザはこのモデルの学習対象を一つも持っていません。持っている{ COUNT($others) }個のテンソルは、以前のコピーなど別のもののパラメータです
    .missing = 学習対象のテンソル{ COUNT($count) }個（全重みの{ PERCENT($share) } %）がオプティマイザにありません：{ names-and-more }。意図して固定するなら requires_grad を False にしてください
    .twice = { COUNT($count) }個のテンソルがオプティマイザに二度以上入っています：{ names-and-more }

check-training-mode = ドロップアウトとバッチ正規化は学習モードか
    .why = 評価モードのまま残った部分は、ドロップアウトなしで、あるいは更新されない統計量で学習されます。
    .first = 評価のたびに model.train() を呼び、eval() にするのは固定した部分だけにします。
    .sound = 学習時にふるまいの変わる{ COUNT($of) }層は、どれも重みの扱いに合ったモードです
    .wrong = 学習時にふるまいの変わる{ COUNT($of) }層のうち{ COUNT($count) }層が、重みを学習しているのに評価モードです：{ names-and-more }

check-loss-form = 損失はモデルの出力の交差エントロピーか
    .why = softmax が一つ多いと、エラーもなく学習が遅くなり、損失が下限で止まります。対数を忘れると、まともに学習できません。
    .first = cross_entropy にはロジットを（softmax は中に含まれます）、nll_loss には対数確率を渡し、クラスの軸をほかの軸と取り違えないようにします。
    .sound = { COUNT($classes) }クラスについて、勾配が一つ一つの数まで{ $form ->
        [smoothed] ラベル平滑化つきの交差エントロピー
        [log-probabilities] 対数確率に対する負の対数尤度
        [probabilities] 確率の対数をとった負の対数尤度
        [weighted] 行ごとに重みのついた交差エントロピー
       *[other] ロジットの交差エントロピー
    }のものと一致します
    .softmax-twice = softmax が二度かかっています。勾配は、すでに確率になったものを「ロジット」とした交差エントロピーのものです。損失は下限より下がりません
    .log-softmax-missing = nll_loss にロジットが渡されています。モデルと損失の間に log_softmax がないため、損失は際限なく下がり、何も正規化されません
    .log-missing = nll_loss に確率が渡されています。対数が抜けています
    .wrong-axis = softmax が{ COUNT($classes) }クラスの軸とは別の軸にかかっています

check-shift = 目標は次のトークンか
    .why = ずらさない目標は写すことを教え（損失は0に近づきます）、二度ずらした目標は一つ先を飛ばして当てることを教えます。
    .first = ずらすのは一度だけにします。データセットか損失のどちらかで行い、両方では行いません。transformers のモデルはラベルを自分でずらします。
    .sound = { COUNT($rows) }個の目標の{ PERCENT($share, digits: 1) } %が直後のトークンです
    .same = 目標が同じ位置のトークンです（{ PERCENT($share, digits: 1) } %。次のトークンは{ PERCENT($expected, digits: 1) } %）。ずらされていないので、モデルは写すことを覚えます
    .far = 目標が{ $shift }つ先のトークンです（{ PERCENT($share, digits: 1) } %。次のトークンは{ PERCENT($expected, digits: 1) } %）。一度ではなく{ $shift }度ずらされています
    .back = 目標がその位置より前のトークンです（{ $shift }、{ PERCENT($share, digits: 1) } %）。逆向きにずらされています

check-causality = 後のトークンが前の出力を動かさないか
    .why = 予測すべきトークンを見られるモデルは、正しいモデルには出せない損失に達し、生成すると意味のない文を書きます。
    .first = 因果マスクの欠落や転置、両側にパディングした畳み込み、位置方向の正規化や平均を探してください。
    .sound = 位置{ $position }以降のトークンを変えても、それより前の出力は動きませんでした（以降の出力はその大きさの{ G($later, digits: 2) }倍動きました）
    .wrong = 位置{ $position }以降のトークンを変えると、それより前の{ COUNT($count) }個の出力がその大きさの{ G($earlier, digits: 2) }倍動きます。モデルは予測すべきものを読んでいます

check-rows = バッチの行は互いに独立か
    .why = ある行の出力がほかの行から受け取るものは、実際に使うときには存在せず、例の間で情報が漏れます。
    .first = バッチの軸にかかる正規化、平均、softmax、reshape を探してください。
    .sound = 評価モードでは、バッチのほかの行を変えても{ COUNT($rows) }行のうち最初の行の出力は動きませんでした{ $batch_norms ->
        [0] { "" }
       *[other] （学習時は{ COUNT($batch_norms) }個のバッチ正規化が行を混ぜます。これは意図どおりです）
    }
    .wrong = バッチのほかの行を変えると、{ COUNT($rows) }行のうち最初の行の出力が、評価モードでもその大きさの{ G($moved, digits: 2) }倍動きます

check-padding = パディングは読まれも数えられもしないか
    .why = パディングを読むと出力が隣の行の長さに左右され、パディングを数えると損失が実際より小さく見えます。
    .first = アテンションマスクをすべての層に渡し、パディングのラベルを -100 にします。
    .sound = パディングの{ COUNT($padding) }か所のトークンを変えてもほかの出力は動かず、目標にも含まれていません
    .read = パディングの{ COUNT($padding) }か所のトークンを変えると、ほかの出力がその大きさの{ G($moved, digits: 2) }倍動きます。マスクが使われていません
    .counted = 目標のうち{ COUNT($counted) }個がパディングで、損失に数えられています

check-evaluation-mode = 評価時にドロップアウトは止まるか
    .why = 評価中のドロップアウトは、評価を悪くし、毎回違う結果にします。
    .first = 関数としての dropout には training=self.training を渡し、評価の前に model.eval() を呼びます。
    .sound = 評価モードでは、乱数を変えても出力はビット単位で同じでした
    .wrong = 評価モードでもドロップアウトが働いています。乱数を変えると出力がその大きさの{ G($moved, digits: 2) }倍動きます

check-initial-loss = 損失は当て推量の値から始まるか
    .why = 初期状態で誤った答えに自信を持つモデルは、それを忘れることに最初のステップを費やします。当て推量よりはるかに低く始まるモデルは、答えを見ています。
    .first = 最後の層の初期の重みを小さくするか、スケールの小さい埋め込みと共有します。
    .sound = 最初は目標一つあたり{ G($nats, digits: 3) }ナット。{ COUNT($classes) }クラスを等しく推量すると{ G($uniform, digits: 3) }です{ $learnt ->
        [yes] 。これはずっと低い値です。重みがすでに学習されているか、答えが見えています
       *[no] { "" }
    }
    .wrong = 最初から目標一つあたり{ G($nats, digits: 3) }ナット。{ COUNT($classes) }クラスを等しく推量すれば{ G($uniform, digits: 3) }です。初期のモデルが誤った答えに自信を持っています

check-reduction = 損失は、数えるべき目標の平均か
    .why = 和であれば勾配はバッチと行の長さとともに大きくなり、除くべきものまで含めた平均であればパディングとともに小さくなります。
    .first = 数えるべき目標の数で割ります（cross_entropy は reduction="mean" と ignore_index でそうします）。
    .sound = { COUNT($count) }個の目標の重みの合計は{ FIXED($total, digits: 2) }です
    .sum = { COUNT($count) }個の目標の重みの合計が1ではなく{ G($total) }です。損失は和であり、一歩の大きさがバッチの大きさで変わります
    .ignored = { COUNT($count) }個の目標の重みの合計が1ではなく{ FIXED($total, digits: 2) }です。数えないものも含めた{ COUNT($positions) }か所で平均しています

check-accumulation = バッチの損失は半分ずつの損失の平均か
    .why = 小さなバッチの勾配を累積する人は、その平均が全体と等しいと考えています。
    .first = 行について平均をとり、累積する損失を小さなバッチの数で割ります。
    .sound = 半分ずつの損失の平均が、バッチ全体の損失（{ G($whole) }）と一致します

check-autocast = 混合精度は働いているか
    .why = 別のデバイス向けの autocast は何もせず、何も言いません。
    .first = モデルのあるデバイスを指定します：torch.autocast(device_type=...)。
    .sound = { COUNT($layers) }層のうち{ COUNT($reduced) }層が低い精度で計算しています
    .wrong = autocast は{ $kind }で有効ですが（モデルは{ $device }）、{ COUNT($layers) }層のどれも低い精度で計算していません

check-half-precision = オプティマイザの epsilon は半精度で表せるか
    .why = float16 で0になる epsilon では、Adam が0で割ることがあります。
    .first = 学習する重みは float32 で持つか（積には autocast を使います）、epsilon を1e-4にします。
    .sound = 表せます
    .wrong = 重みが float16 で、オプティマイザの epsilon（{ E($epsilon) }）がそこでは0になります。更新が0で割ることがあります

check-scale = 各層の出力の大きさは妥当か
    .why = 極端に大きい出力、範囲の端に張りついた出力、すべて0の出力からは、役に立つ勾配が返りません。
    .first = 入力を正規化し、活性化関数に合った初期化（PyTorch の既定、He、Xavier）を使います。
    .sound = { COUNT($layers) }層の出力のうち最大は{ G($largest, digits: 3) }です（{ $name }）
    .huge = { names-and-more }の出力が{ G($value, digits: 2) }に達しています
    .saturated = { names-and-more }の出力の{ PERCENT($value) } %が範囲の端にあります
    .dead = { names-and-more }の出力の{ PERCENT($value) } %が0です

check-gradient-scale = 各層の勾配は比べられる大きさか
    .why = 勾配が途中で消えると、最初の層は何も学びません。
    .first = 残差接続と正規化を加えるか、大きさを保つ初期化を使います。
    .sound = 二乗平均平方根は{ G($least, digits: 2) }（{ $smallest }）から{ G($most, digits: 2) }（{ $largest }）の間です
    .wrong = { $smallest }の勾配の二乗平均平方根は{ G($least, digits: 2) }、{ $largest }では{ G($most, digits: 2) }です

check-gradients = 学習対象のパラメータはすべて勾配を受け取るか
    .why = 勾配のないパラメータは学習に加わっていません。使い忘れた枝、detach、死んだ層などです。
    .first = 名前の挙がった層の出力を損失までたどります。使われているか、途中に detach、.data、no_grad がないか確かめてください。
    .sound = { COUNT($count) }個の学習対象のテンソルすべてが{ $updates }回の更新のうちに勾配を受け取りました
    .absent = 学習対象のテンソル{ COUNT($count) }個（全重みの{ PERCENT($share) } %）が勾配を受け取りません：{ names-and-more }。損失はこれらに依存していません
    .zero = 学習対象のテンソル{ COUNT($count) }個（全重みの{ PERCENT($share) } %）の勾配が、どの更新でもちょうど0です：{ names-and-more }

check-moves = すべてのパラメータが動くか
    .why = 重みの丸めより小さい更新は失われ、学習は遅いのではなく止まっています。
    .first = 重みを float32 で学習するか、学習率を上げます。
    .sound = 勾配のある{ COUNT($count) }個のテンソルすべてが{ $updates }回の更新のうちに動きました
    .wrong = { COUNT($count) }個のテンソルは勾配があるのに{ $updates }回の更新で変わりませんでした：{ names-and-more }（{ $dtype }、学習率{ G($rate, digits: 2) }）。更新が丸めで失われています

check-stays = 固定したものは動かないか
    .why = 固定した部分が動けば、それはもう以前に学習したものではなく、損失には何も現れません。
    .first = 固定した重みはオプティマイザに入れず（重み減衰でも動きます）、固定したバッチ正規化は評価モードにします。
    .sound = 固定した{ COUNT($count) }個のテンソルはすべて元のままです
    .weights = 固定した{ COUNT($count) }個のテンソルが動きました：{ names-and-more }
    .statistics = 固定したバッチ正規化の重みは元のままですが、移動統計量が{ COUNT($count) }個動いています：{ names-and-more }

check-learns = 一つのバッチを覚えられるか
    .why = 一つのバッチを丸暗記できないものは、データセットも学べません。
    .first = まずここに挙がったほかの問題を見てください。次に一つのバッチで、目標、損失、学習率を確かめます。
    .sound = このバッチだけで、損失は{ $updates }回の更新で{ G($first) }から{ G($last) }に下がります{ $factor ->
        [1] { "" }
       *[other] （学習率を{ $factor }倍にして。元の学習率では遅すぎて判断できません）
    }
    .wrong = このバッチだけで、損失は{ $updates }回の更新で{ G($first) }から{ G($last) }になり、学習率を1,000倍にしても下がりません。何も学ばれていません

# 検査できなかった理由。
check-reason =
    .no-time = 時間が残りませんでした
    .error = { $error } が発生しました
    .no-loss = 損失を計算できません
    .no-scalar = loss(model, batch) は一つの数ではなく{ $got }を返しました
    .no-output = モデルの返すものの中に、数のテンソルが見つかりません
    .calls = { $calls ->
        [0] 損失はモデルもその部分も、モジュールとして呼んでいません
       *[other] 損失はモデルを{ $calls }回呼びます。どれについての問いか決められません
    }
    .no-gradient = モデルの出力に損失の勾配がありません
    .no-cross-entropy = 損失は、モデルの出力の単純な交差エントロピーではありません
    .no-tokens = 出力と同じ形のトークンがモデルに渡されていません
    .not-next-token = 目標はずらしたトークンではありません（一致は最大で{ PERCENT($share) } %）。分類器やマスク言語モデルなどです
    .not-next-token-model = 次のトークンを予測するモデルではないので、全体を読んでもかまいません
    .repetitive = このバッチの文は繰り返しが多く、いくつずらしても自分自身と一致します
    .trained = モデルはすでに学習されています（オプティマイザがモーメントを持っています）。これは最初だけの問いです
    .weighted = 目標に重みがついているか（合計{ G($total) }）、損失に平均以外のものが含まれています
    .tokens-unused = 出力がトークンにまったく依存していません
    .no-rows = 比べられる二つの行がありません。一行だけのバッチ、グラフ、あるいは行の数の違う入力です
    .in-batch = 対照学習のように、どの行もほかのすべての行と比べられています
    .time-first = 最初の軸が位置の軸かもしれません（batch_first が False です）
    .not-repeatable = 同じ呼び出しが毎回違う数を返すので、比べられません
    .other-shape = 入力を変えると出力の形が変わります
    .no-padding = 何かを除くアテンションマスクがバッチにありません
    .samples = モデルは評価時にも乱数を使います。サンプリングするモデルならそれが意図どおりで、ドロップアウトは含まれていません
    .no-modes = 学習時にふるまいの変わる層がありません
    .all-in-evaluation = モデル全体が評価モードです。学習時の状態で渡してください（model.train()）
    .slow = このバッチだけでは、学習率を{ $factor }倍にしても損失は{ $updates }回の更新で{ G($first) }から{ G($last) }にしか下がらず、判断できません
    .sure = モデルが答えに自信を持ちすぎていて、目標の重みを読み取れません
    .rate-zero = ウォームアップの最初のステップのように、ここでは学習率が0です
    .nothing-frozen = 固定されたものはありません
    .rows-together = バッチの損失は半分ずつの平均でも和でもありません。行どうしを比べているか、行の内容で重みをつけています
    .sum = 半分ずつの損失の和がバッチ全体の損失（{ G($whole) }）になります。行についての和です。意図したものでなければ、一歩の大きさがバッチの大きさで変わります
    .weighs-rows = バッチの損失は半分ずつの平均ではありません（数えるべき目標の平均かどうかを見てください）
    .uneven = 半分ずつの目標の数が{ COUNT($first) }と{ COUNT($second) }なので、損失の平均（{ G($mean) }）は全体の損失（{ G($whole) }）と一致しません。勾配を累積するなら、小さなバッチを目標の数で重みづけしてください
    .no-autocast = 自動混合精度は使われていません
    .no-half = 半精度の重みはありません
    .no-layers = 比べられる種類の層が足りません

# ターミナルのページ。
terminal-check = { $wrong ->
    [0] 問題は見つかりませんでした
   *[other] 問題{ COUNT($wrong) }件
}、正常{ COUNT($sound) }件、検査できなかったもの{ COUNT($unchecked) }件（{ FIXED($seconds, digits: 1) }秒）
terminal-check-why = なぜ大切か
terminal-check-first = 最初にすること
