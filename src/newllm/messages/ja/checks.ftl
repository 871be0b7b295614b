# newllm.check：各検査の問い、なぜ大切か、最初にすること、そして見つかったこと。

check-runs = 損失は計算できるか
    .short = 損失を計算できるか
    .why = 損失がなければ訓練は始まらない。
    .first = エラーを読む。loss(model, batch)そのものから出ている。
    .wrong = 損失を計算できない: { $why }
    .compiled = 計算できる。モデルはコンパイルされている（torch.compile）が、コンパイルせずに検査した

check-finite = 損失と勾配は有限の数か
    .short = 損失と勾配が有限か
    .why = 勾配に一つでもNaNや無限大があれば、すべての重みに広がる。
    .first = 出力が有限でなくなる最初の層を探す（torch.autograd.detect_anomaly）。0の対数や平方根がないかを見る。
    .sound = 損失は{ G($loss) }、勾配はすべて有限である
    .loss = 訓練を始める前から損失が{ $loss }である
    .gradient = 損失は有限だが、{ $name }{ $count ->
        [one] { "" }
       *[other] など{ COUNT($count) }個のテンソル
    }の勾配が有限でない
    .detached = 損失に勾配がない。どの重みにも依存していない（途中にdetach、no_grad、.item()がある）

check-repeatable = 同じステップは同じビットを再現するか
    .short = ステップのビット単位の再現
    .why = 再現できないものはリプレイできず、その不具合は二度と再現できない。
    .first = 損失がモデルとバッチのほかに読むものを探す。時計、ファイル、イテレーター、シードなしで毎回作られる生成器など。
    .sound = 同じシードで二度計算し、損失も勾配もビット単位で一致した
    .loss = 重み、バッチ、シードが同じなのに、損失は{ EXACT($first) }、次は{ EXACT($second) }だった
    .placed = { check-repeatable.loss }{ check-where }
    .gradient = 損失は二度とも同じだが、{ $name }の勾配が一致しない（{ COUNT($count) }個のテンソルで相違）

check-batch-kept = ステップの後もバッチは元のままか
    .short = バッチが書き換えられないこと
    .why = その場で書き換えられたバッチは、次に使うとき別のものになる。勾配の累積や評価で、またメモリ上のデータのビューなら次のエポックで現れる。
    .first = x -= meanやx.sub_(mean)ではなくx = x - meanと書くか、先にバッチを複製する。
    .sound = { $changed ->
        [0] 一度計算した後も、バッチのテンソルはすべてビット単位で元のままである
       *[other] 計算がバッチのテンソル{ COUNT($changed) }個に書き込むが、{ $fresh ->
            [yes] ローダーは毎回新しいバッチを返す
           *[no] 残ったものの損失は同じである
        }
    }
    .wrong = 計算がバッチに書き込んでいる（{ $name }{ $count ->
        [one] { "" }
       *[other] など{ COUNT($count) }個のテンソル
    }）。損失は{ G($first) }、その後に残ったバッチでは{ G($second) }になる

check-tied = 設定どおりに重みが共有されているか
    .short = 共有される重み
    .why = 埋め込みと出力層が一つの重みだと設定にあれば、モデルを読み込むときに再び共有され、片方の学んだことが失われる。
    .first = モデルの最後の変更（metaデバイスからの割り当て、埋め込みの交換など）の後でmodel.tie_weights()を呼び、それからオプティマイザを作る。
    .sound = 設定のとおり、{ $embedding }と{ $head }は一つの重みである
    .wrong = 設定ではtie_word_embeddingsなのに、{ $embedding }と{ $head }が別々の重みを持っている

check-optimizer-holds = 訓練するパラメータはすべてオプティマイザに一度ずつあるか
    .short = オプティマイザのもつパラメータ
    .why = オプティマイザにないパラメータは初期値のまま動かず、それはほかのどこにも現れない。
    .first = モデルへの変更（移動、ラップ、重み共有、新しいヘッド）をすべて終えてから、model.parameters()でオプティマイザを作る。残りを二つ目のオプティマイザが訓練するなら、step=を渡す。
    .sound = 訓練する{ COUNT($count) }個のテンソルがすべて一度ずつ入っている{ $others ->
        [0] { "" }
       *[other] （モデル以外のものが{ COUNT($others) }個）
    }
    .nothing-trainable = 勾配を必要とするパラメータがモデルに一つもない
    .other-model = オプティマイザは、このモデルの訓練するパラメータを一つも持っていない。持っている{ COUNT($others) }個のテンソルは、以前のコピーなど別のもののパラメータである
    .missing = 訓練するテンソル{ COUNT($count) }個（訓練する全重みの{ PERCENT($share) } %）がオプティマイザにない: { names-and-more }。意図して固定するなら、requires_gradをFalseにする
    .twice = { COUNT($count) }個のテンソルがオプティマイザに二度以上入っている: { names-and-more }

check-evaluation = 評価は損失を測り、何も変えないか
    .short = 評価
    .why = 訓練モードで動く評価、モデルを変える評価、出力を別の行のラベルと比べる評価は、訓練しているモデルを測っていない。
    .first = 同じバッチを損失の計算と評価の両方に通す。評価の前にmodel.eval()とtorch.no_grad()、後にmodel.train()を呼ぶ。
    .sound = 評価はバッチに{ G($value) }を返し、評価モードでの損失と一致する{ $training ->
        [yes] { "" }
       *[no] 。モデルは評価モードのまま残るので、後でmodel.train()を呼ぶ
    }
    .training = 評価が訓練モードで動かしている層: { names-and-more }
    .changes = 評価が変えているモデルのテンソル: { names-and-more }
    .rescaled = 同じバッチなのに、評価ではモデルに別の数が渡され、その違いはスケールだけである。訓練では平均{ G($mean, digits: 2) }、標準偏差{ G($spread, digits: 2) }、評価では平均{ G($mean_there, digits: 2) }、標準偏差{ G($spread_there, digits: 2) }である。入力の正規化が訓練と評価で異なる
    .bytes = 画像が、訓練と評価の一方では255までの整数で、もう一方では正規化されている。モデルに渡される数は、訓練では平均{ G($mean, digits: 2) }、標準偏差{ G($spread, digits: 2) }、評価では平均{ G($mean_there, digits: 2) }、標準偏差{ G($spread_there, digits: 2) }である
    .rows = 評価はバッチに{ G($value) }を返すが、評価モードでの損失は{ G($expected) }である。一つの行だけのバッチでは正しい値を返すので、出力を別の行の予測対象と比べている

# "sound"は2026-12より前のファイルだけが使う。
check-order = データは毎エポック新しい順序で読まれるか
    .short = データの順序
    .why = ラベル順や毎回同じ順序で読むと、その順序を覚える。一度も読まれない行からは何も学べない。
    .first = DataLoaderにshuffle=Trueを渡すか、繰り返すたびに引き直すサンプラーを使う。
    .sound = { $shuffled ->
        [yes] 1エポックで{ COUNT($rows) }行を重複なく読み、次のエポックは別の順序で読む
       *[no] どのエポックも{ COUNT($rows) }行をデータの並び順に読む。シャッフルされていないが、データ自体がシャッフル済みなら正しい
    }
    .read = { $shuffled ->
        [yes] 1エポックで{ COUNT($rows) }個の行番号を一度ずつ読み、次のエポックは別の順序で読む
       *[no] どのエポックも{ COUNT($rows) }行をデータの並び順に読む。シャッフルされていないが、データ自体がシャッフル済みなら正しい
    }{ $compared ->
        [0] { "" }
       *[other] 。内容を比べた{ COUNT($compared) }行のうち、{ $alike ->
            [0] 同じ内容の行はない
           *[other] { COUNT($alike) }行（{ PERCENT($share, digits: 1) } %）はほかの行と同じ内容である
        }
    }
    .one-row = データの各所から取った行（{ COUNT($rows) }行のうち）がビット単位で同じである。データセットが行番号を無視している
    .sorted = シャッフルされておらず、行がラベル順に並んでいる。{ $label }は最初のバッチ全体で一つの値で、データ全体を通して増えていく
    .same = サンプラーはシャッフルする設定なのに、二つのエポックが{ COUNT($rows) }行を同じ順序で読む
    .in-succession = どの行も、番号を変えて{ $times }回続けて現れる。{ COUNT($rows) }行のうち異なる行は{ COUNT($distinct) }行である。データセットは番号と同じ数の行を「{ $name }」に持っているのに、そのうち{ COUNT($missing) }行を一度も渡さない

check-workers = ローダーのワーカーは異なる乱数を引くか
    .short = ワーカーの乱数
    .why = ワーカーは一つのプロセスの複製である。データセット独自の乱数生成器は各ワーカーで同じ数を引き、データ拡張やノイズが重複する。
    .first = worker_init_fnの中で、ワーカーとエポックごとに異なるtorch.initial_seed()からデータセットの生成器をシードする。
    .sound = { $draws ->
        [yes] 二つのワーカーも二つのエポックも、異なる乱数を引く
       *[no] 乱数は使われていない。一つのワーカーが行{ $row }を二度読むとビット単位で同じである
    }
    .alike = 行{ $row }は同じワーカーが二度読むと異なるのに、二つのワーカーが読むとビット単位で同じである。ワーカー（{ COUNT($workers) }個）が同じ乱数を引いている
    .epochs = 行{ $row }は同じワーカーが二度読むと異なるのに、次のエポックの最初は前のエポックの最初とビット単位で同じである。毎エポック同じ乱数を引いている
    .streams = { COUNT($workers) }個のワーカーのうち二つが同じバッチを返す。それぞれがストリーム全体を読むので、すべてが{ $workers }回現れる

check-shards = 各ランクは異なる行を読むか
    .short = ランクごとのデータの分担
    .why = 同じ行を読むランクは同じ仕事を二度するだけで、バッチは大きくならない。
    .first = サンプラーに、実行中のプロセスのランクとランク数を渡し、順序は全ランク共通のシードから引く。
    .sound = { COUNT($ranks) }ランクのサンプラーが返す{ COUNT($rows) }行のうち、重複は{ $twice ->
        [0] ない
       *[other] { COUNT($twice) }行である
    }
    .world = サンプラーは{ $ranks }ランク中のランク{ $rank }のものだが、このプロセスは{ $world }ランク中のランク{ $own }である
    .overlap = { COUNT($ranks) }ランクのサンプラーが返す{ COUNT($rows) }行のうち、{ COUNT($twice) }行が重複している

check-registered = 重みはすべてモデルに登録されているか
    .short = モデルに登録された重み
    .why = 通常のリストや辞書に入れた層はモジュールの一部ではない。parameters()に含まれず、オプティマイザも.to()もstate_dict()も見落とす。
    .first = 層はnn.ModuleListかnn.ModuleDictに、単独の重みはnn.ParameterListに入れる。
    .sound = 損失は、モデルの通常のリストや辞書に入った重みを使っていない
    .wrong = モデルに登録されていない重みのテンソル{ COUNT($count) }個を損失が使っている: { names-and-more }。通常のリストや辞書の中にあり、訓練されない

check-settings = オプティマイザとバッチ正規化の設定は意図どおりか
    .short = オプティマイザとバッチ正規化の設定
    .why = betasの順序が逆だと、更新が学習率をはるかに超えることがある。統計量がまったく動かないか、一つのバッチのものになると、評価が役に立たなくなる。
    .first = Adamのbeta1はbeta2より小さくする（0.9、0.999）。バッチ正規化のmomentumは、ここでは最新のバッチの割合である（0.1）。TensorFlowの0.99は0.01にあたる。
    .sound = { $count ->
        [0] beta1はbeta2を超えない
       *[other] { COUNT($count) }個のバッチ正規化のmomentumは、統計量を追従させる
    }
    .betas = betasが{ G($beta1) }と{ G($beta2) }である。勾配の平均が、それを割る二乗の平均よりも遅く忘れる
    .still = { $name }のmomentumが0である（同様のバッチ正規化{ COUNT($count) }個）。統計量がまったく動かない
    .newest = { $name }のmomentumが{ G($momentum) }である（同様のバッチ正規化{ COUNT($count) }個）。統計量が最新のバッチのものになる

check-training-mode = ドロップアウトとバッチ正規化は訓練モードか
    .short = 訓練モード
    .why = 評価モードのまま残った部分は、ドロップアウトなしで、あるいは更新されない統計量で訓練される。
    .first = 評価のたびにmodel.train()を呼び、eval()にするのは固定した部分だけにする。
    .sound = 訓練時に動作の変わる{ COUNT($of) }層は、どれも重みの扱いに合ったモードである
    .kept = 訓練時に動作の変わる{ COUNT($of) }層のうち{ COUNT($meant) }層は、モデル自身のtrain()が評価モードに保つ
    .wrong = 訓練時に動作の変わる{ COUNT($of) }層のうち{ COUNT($count) }層が、重みを訓練しているのに評価モードである: { names-and-more }

check-loss-form = 損失はモデルの出力の交差エントロピーか
    .short = 損失の形
    .why = softmaxが一つ多いと、エラーも出ないまま学習が遅くなり、損失が下限で止まる。対数が抜けると、まともに学習できない。
    .first = cross_entropyにはロジットを（softmaxは中に含まれる）、binary_cross_entropy_with_logitsにもロジットを（シグモイドは中に含まれる）、nll_lossには対数確率を渡す。クラスの軸をほかの軸と取り違えない。
    .sound = { COUNT($classes) }クラスについて、勾配が一つ一つの数まで{ $form ->
        [smoothed] ラベル平滑化つきの交差エントロピー
        [log-probabilities] 対数確率に対する負の対数尤度
        [probabilities] 確率の対数をとった負の対数尤度
        [weighted] 行ごとに重みのついた交差エントロピー
       *[other] ロジットの交差エントロピー
    }のものと一致する
    .softmax-twice = softmaxが2回かかっている。勾配は、すでに確率になったものを「ロジット」とした交差エントロピーのものである。損失は下限より下がらない
    .binary = 勾配が一つ一つの数まで、{ $of ->
        [probabilities] 確率
       *[logits] ロジット
    }の二値交差エントロピーのものと一致する
    .sigmoid-twice = シグモイドが2回かかっている。勾配は、すでに確率になったものを「ロジット」とした二値交差エントロピーのものである。損失は下限より下がらない
    .log-softmax-missing = nll_lossにロジットが渡されている。モデルと損失の間にlog_softmaxがないため、損失は際限なく下がり、何も正規化されない
    .log-missing = nll_lossに確率が渡されている。対数が抜けている
    .wrong-axis = softmaxが{ COUNT($classes) }クラスの軸とは別の軸にかかっている
    .axis = softmaxが出力の軸{ $over }にかかっているが、{ COUNT($classes) }クラスの軸は{ $axis }である

check-shift = 予測対象は次のトークンか
    .short = 予測対象のずれ
    .why = ずらさない予測対象からは入力を写すことを学び（損失は0に近づく）、2回ずらした予測対象からは一つ先を飛ばして当てることを学ぶ。
    .first = ずらすのは1回だけにする。データセットか損失のどちらかで行い、両方では行わない。transformersのモデルは自分でラベルをずらす。
    .sound = { COUNT($rows) }個の予測対象の{ PERCENT($share, digits: 1) } %が直後のトークンである
    .same = 予測対象が同じ位置のトークンである（{ PERCENT($share, digits: 1) } %。次のトークンは{ PERCENT($expected, digits: 1) } %）。ずらされていないので、モデルは写すことを覚える
    .far = 予測対象が{ $shift }つ先のトークンである（{ PERCENT($share, digits: 1) } %。次のトークンは{ PERCENT($expected, digits: 1) } %）。1回ではなく{ $shift }回ずらされている
    .back = 予測対象がその位置より前のトークンである（{ $shift }、{ PERCENT($share, digits: 1) } %）。逆向きにずらされている
    .shown = 予測対象の{ PERCENT($share, digits: 1) } %が、モデルに見えている同じ位置のトークンである。{ COUNT($positions) }か所のうち、行の中に散らばった{ COUNT($count) }か所が予測対象だが、入力ではそのトークンが隠されていない

check-where = { $where ->
    [given] { "" }（最初に見えるのは{ $layer }への入力）
    [gives] { "" }（最初に見えるのは{ $layer }の出力）
    [latest] { "" }（遅くとも{ $layer }の出力に見える）
   *[none] { "" }
}
check-causality = 後のトークンが前の出力を動かさないか
    .short = 因果マスク
    .why = 予測すべきトークンを見られるモデルは、正しいモデルには出せない損失に達し、生成すると意味のない文を書く。
    .first = 因果マスクの欠落や転置、両側にパディングした畳み込み、位置方向やそのチャンク内の正規化や平均を探す。
    .sound = 位置{ $position }以降のトークンを変えても、それより前の出力は動かなかった（以降の出力はその大きさの{ G($later, digits: 2) }倍動いた）
    .wrong = 位置{ $position }以降のトークンを変えると、それより前の{ COUNT($count) }個の出力がその大きさの{ G($earlier, digits: 2) }倍動く。モデルは予測すべきものを読んでいる
    .placed = { check-causality.wrong }{ check-where }

check-rows = バッチの行は互いに独立か
    .short = 行どうしの独立
    .why = ある行の出力がほかの行に依存していると、実際に使うときにはその情報がなく、例の間で情報が漏れる。
    .first = バッチの軸にかかる正規化、平均、softmax、和、reshapeと、batch_first=Trueのない再帰層や注意層を探す。
    .sound = 評価モードでは、バッチのほかの行を変えても{ COUNT($rows) }行のうち最初の行の出力は動かなかった{ $batch_norms ->
        [0] { "" }
       *[other] （訓練時はバッチ正規化が行を混ぜる。これは意図どおりである）
    }
    .every = 評価モードでは、バッチの{ COUNT($rows) }行の半分を{ COUNT($ways) }通りに変えても、残りの行の出力は動かなかった{ $batch_norms ->
        [0] { "" }
       *[other] （訓練時はバッチ正規化が行を混ぜる。これは意図どおりである）
    }
    .wrong = バッチの{ COUNT($rows) }行のうちいくつかを変えると、別の行の出力が、評価モードでもその大きさの{ G($moved, digits: 2) }倍動く
    .placed = { check-rows.wrong }{ check-where }

check-padding = パディングは読まれも数えられもしないか
    .short = パディング
    .why = パディングを読むと出力がほかの行の長さに左右され、パディングを数えると損失が本文だけのものより小さくなる。
    .first = アテンションマスクをすべての層に渡し、パディングのラベルを-100にする。
    .sound = パディングの{ COUNT($padding) }か所のトークンを変えてもほかの出力は動かず、予測対象にも含まれていない
    .read = パディングの{ COUNT($padding) }か所のトークンを変えると、ほかの出力がその大きさの{ G($moved, digits: 2) }倍動く。マスクが使われていない
    .counted = 予測対象のうち{ COUNT($counted) }個がパディングで、損失に数えられている
    .learnt = { COUNT($total) }個の予測対象のうち{ COUNT($counted) }個（{ PERCENT($share) } %）が、トークン{ $token }に続くトークン{ $token }である。行の末尾を埋めるだけのトークンであり、パディングが学習されている
    .row = パディングの{ COUNT($padding) }か所のトークンを変えると、{ $how ->
        [row-read] 出力が動く。モデルがパディングのトークンを探しているのであり、この位置を取り除いても出力は動かない
        [row-embedding] 出力が動く。モデルがパディングのトークンを探しているのであり、その埋め込みを変えても出力は動かない
       *[changed] 出力の動く行はない
    }
    .row-read = パディングの{ COUNT($padding) }か所のトークンを変えると、行の出力がその大きさの{ G($moved, digits: 2) }倍動き、その位置を取り除いても{ G($left, digits: 2) }倍動く。マスクがあるのに、パディングが読まれている
    .row-embedding = パディングの{ COUNT($padding) }か所のトークンを変えると、行の出力がその大きさの{ G($moved, digits: 2) }倍動き、パディングのトークンの埋め込みを変えても{ G($left, digits: 2) }倍動く。マスクがあるのに、パディングが読まれている
    .left = パディングの{ COUNT($padding) }か所{ $how ->
        [changed] のトークンを変えても
       *[left] を取り除いても
    }ほかの出力は動かず、予測対象にも含まれていない
    .told-read = パディングの{ COUNT($padding) }か所のトークンを変えると、{ $what ->
        [rows] 行の出力
       *[positions] ほかの出力
    }がその大きさの{ G($moved, digits: 2) }倍動き、その位置を取り除いても{ G($left, digits: 2) }倍動く。モデルに長さが渡されているのに、パディングが読まれている

check-ends = 文の終わりは学習されるか
    .short = 文章の終わり
    .why = 文の終わりを示すトークンをパディングにも使うと、パディングを損失から除くとき終わりも除かれ、モデルは止まることを学ばない。
    .first = パディングには終わりとは別のトークンを使うか、トークンではなくアテンションマスクで除く。
    .sound = パディングの直前にあるトークン{ $token }は、{ COUNT($rows) }行のうち{ COUNT($learnt) }行で予測対象になっている
    .wrong = トークン{ $token }は{ COUNT($rows) }行の終わりにあり（アテンションマスクでは本文）、行を埋めるのにも使われ、どの行でも予測対象になっていない。モデルは止まることを学ばない

check-padding-row = 埋め込みのパディングの行はゼロか
    .short = 埋め込みのパディング行
    .why = パディングの行は勾配を受け取らない。初期化やチェックポイントの値がそのまま残り、その行が読まれるところに加わる。
    .first = 独自の初期化をした後でこの行をゼロにする（weight[padding_idx] = 0）か、読むところでパディングをマスクする。
    .sound = { COUNT($count) }個の埋め込みで、パディングの行はゼロである
    .wrong = { $name }の行{ $row }はパディングなのにゼロではない（ノルムは全行の平均の{ G($size, digits: 2) }倍）。ゼロにすると、バッチの損失は{ G($before) }から{ G($after) }に変わる

check-answers = 予測対象が入力に含まれていないか
    .short = 入力に含まれる予測対象
    .why = 答えを与えられたモデルはそれを写すことを覚え、答えのないところでは何もできない。
    .first = 示された列を、モデルへの入力から取り除く。
    .sound = { COUNT($rows) }行のどの入力でも、{ COUNT($columns) }個の数の中に予測対象そのものはない
    .wrong = 入力{ $name }の{ COUNT($columns) }列のうち列{ $column }が、{ COUNT($rows) }行すべてで予測対象そのものであり、モデルはそれを読んでいる
    .text = 入力{ $name }は{ COUNT($rows) }個の予測対象のすべてで、同じ位置に予測対象そのものを持ち、それを変えるとその位置の出力が動く（出力のスケールの{ G($moved, digits: 2) }倍）。次のトークンを予測するはずの本文のほかに、答えがモデルに渡されている
    .texts = モデルに渡される{ COUNT($count) }個のほかのテキストには、同じ位置の出力が読む予測対象はない

check-broadcast = 出力はそれぞれ対応する予測対象と比べられるか
    .short = 出力と予測対象の形状
    .why = 形(B, 1)の出力と形(B)の予測対象は、形(B, B)の行列にブロードキャストされる。エラーもなく、どの出力も全予測対象の平均へ引かれる。
    .first = 両方を同じ形にする。output.squeeze(-1)またはtarget[:, None]。
    .sound = 出力は{ $output }、予測対象は{ $target }で、各行は対応する予測対象へ引かれている
    .wrong = 出力は{ $output }、予測対象は{ $target }（バッチの{ $path }）である。{ COUNT($rows) }行の予測対象を入れ替えても勾配がまったく変わらない。どの出力もすべての予測対象と比べられている
    .warned = 形が{ $output }の数値が、形が{ $target }の予測対象と比べられている（torchも警告している）。{ COUNT($rows) }行のどれもが、全部の行の予測対象と比べられている

check-vocabulary = トークン、埋め込み、トークナイザーは合っているか
    .short = トークン、埋め込み、トークナイザー
    .why = 埋め込みに行のないトークンが現れると、訓練はそこでエラーになって止まる。未知のトークンばかりの文からは何も学べない。
    .first = トークナイザーとモデルを同じところから取るか、model.resize_token_embeddings(len(tokenizer))を呼ぶ。
    .sound = バッチには{ COUNT($distinct) }種類のトークン（最大{ $largest }）があり、{ $name }には{ COUNT($rows) }行ある{ $size ->
        [0] { "" }
       *[other] （トークナイザーは{ COUNT($size) }トークン。バッチの{ PERCENT($share) } %が未知、{ PERCENT($padding) } %がパディング）
    }
    .beyond = バッチにトークン{ $largest }があるが、{ $name }には{ COUNT($rows) }行しかない
    .other-tokenizer = バッチにトークン{ $largest }があるが、トークナイザーには{ COUNT($size) }しかない。別のトークナイザーが作ったバッチである
    .embedding = トークナイザーには{ COUNT($size) }トークン、{ $name }には{ COUNT($rows) }行ある。{ COUNT($missing) }個のトークンは、現れたところで訓練をエラーで止める
    .outputs = トークナイザーには{ COUNT($size) }トークン、モデルには{ COUNT($classes) }個の出力がある。{ COUNT($missing) }個のトークンは決して予測できない
    .unknown = バッチのトークンの{ PERCENT($share) } %が{ $token }、つまりトークナイザーの知らないものを表すトークンである

check-ids = データに一度も現れないトークンやクラスはどれか
    .short = 一度も現れないトークンとクラス
    .why = どの行にも現れないトークンの埋め込みやクラスは初期値のままで、読まれたり予測されたりするところではノイズになる。
    .first = そのトークンには何も期待しないか、このテキストのために作られたトークナイザーを使う。クラスが欠けているなら、データのどこで失われたかを調べる。
    .sound = { $drawn ->
        [yes] 1エポックに選ばれる、データ{ COUNT($held) }行のうちの
       *[no] データの
    }{ $whole ->
        [yes] 全{ COUNT($rows) }行
        [found] { COUNT($rows) }行のうち、最初に読んだ{ COUNT($read) }行（それで十分だった）
       *[no] { COUNT($rows) }行のうち、時間内に読めた{ COUNT($read) }行
    }では、{ $what }
    .tokens = { $never ->
        [0] { COUNT($size) }トークンすべてが{ $name }に読まれる
       *[other] { COUNT($size) }トークンのうち{ COUNT($never) }個（{ PERCENT($share) } %）が一度も{ $name }に読まれない：{ $examples }
    }
    .classes = { $never ->
        [0] { COUNT($size) }クラスすべてが予測対象になる
       *[other] { COUNT($size) }クラスのうち{ COUNT($never) }個（{ PERCENT($share) } %）が一度も予測対象にならない：{ $examples }
    }

check-evaluation-mode = 評価時にドロップアウトは働いていないか
    .short = 評価時のドロップアウト
    .why = 評価中のドロップアウトは、評価を悪くし、毎回違う結果にする。
    .first = 関数としてのdropoutにはtraining=self.trainingを渡し、評価の前にmodel.eval()を呼ぶ。
    .sound = 評価モードでは、乱数を変えても出力はビット単位で同じだった
    .wrong = 評価モードでもドロップアウトが働いている。乱数を変えると出力がその大きさの{ G($moved, digits: 2) }倍動く

check-initial-loss = 損失は当てずっぽうの値から始まるか
    .short = 最初の損失と当てずっぽうの損失の比較
    .why = 初期状態で誤った答えに自信を持つモデルは、それを忘れることに最初のステップを費やす。当てずっぽうよりはるかに低い損失から始まるモデルは、答えを見ている。
    .first = 最後の層の初期の重みを小さくするか、スケールの小さい埋め込みと共有する。
    .sound = 最初は予測対象一つあたり{ G($nats, digits: 3) } nat。{ COUNT($classes) }クラスの当てずっぽうでは{ G($uniform, digits: 3) }である{ $learnt ->
        [yes] 。損失はそれよりずっと低い。重みがすでに訓練されているか、答えが見えている
        [prior] 。損失はクラスの割合どおりに当てたときの値（{ G($prior, digits: 3) }）である
       *[no] { "" }
    }
    .wrong = 最初から予測対象一つあたり{ G($nats, digits: 3) } nat。{ COUNT($classes) }クラスの当てずっぽうでは{ G($uniform, digits: 3) }である。初期のモデルが誤った答えに自信を持っている

check-reduction = 損失は、数えるべき予測対象の平均か
    .short = 予測対象にわたる平均
    .why = 損失が和であれば、勾配はバッチと行の長さとともに大きくなる。除くべきものまで含めた平均であれば、パディングとともに小さくなる。
    .first = 数えるべき予測対象の数で割る（cross_entropyはreduction="mean"とignore_indexでそうする）。
    .sound = { COUNT($count) }個の予測対象の重みの合計は{ FIXED($total, digits: 2) }である
    .sum = { COUNT($count) }個の予測対象の重みの合計が1ではなく{ G($total) }である。損失は和であり、更新の大きさがバッチの大きさで変わる
    .ignored = { COUNT($count) }個の予測対象の重みの合計が1ではなく{ FIXED($total, digits: 2) }である。数えないものも含めた{ COUNT($positions) }か所で平均している

check-accumulation = バッチの損失は半分ずつの損失の平均か
    .short = 勾配の累積
    .why = 勾配の累積は、小さなバッチの損失の平均が全体の損失と等しいことを前提にしている。
    .first = 行について平均をとり、累積する損失を小さなバッチの数で割る。
    .sound = 評価モードで、半分ずつの損失の平均が、バッチ全体の損失（{ G($whole) }）と一致する

check-batch-order = 行の順序を変えても損失は同じか
    .short = 行の順序
    .why = 行が並べ替え済みだと決めてかかる損失や、出力を別の行の正解と比べる損失は、行がたまたま置かれた位置から学んでしまう。
    .first = 行の並べ替えは損失の中で行う（Coxの部分尤度には必要）。出力と正解が同じ選び方を経ているかも確かめる。
    .sound = 評価モードで、{ COUNT($rows) }行を別の{ COUNT($orders) }通りの順序にしても損失（{ G($whole) }）は変わらない

check-autocast = 混合精度は働いているか
    .short = 混合精度
    .why = 別のデバイス向けのautocastは何もせず、警告も出さない。
    .first = モデルのあるデバイスを指定する: torch.autocast(device_type=...)。
    .sound = { COUNT($layers) }層のうち{ COUNT($reduced) }層が低い精度で計算している
    .wrong = autocastは{ $kind }で有効だが（モデルは{ $device }）、{ COUNT($layers) }層のどれも低い精度で計算していない
    .unused = autocastはモデルのある{ $kind }で有効だが、{ COUNT($layers) }個の層や積のどれも低い精度で計算していない。モデルが無効にしているか、autocastの知らない方法で計算している

check-half-precision = オプティマイザのepsilonは半精度で表せるか
    .short = 半精度でのepsilon
    .why = float16で0になるepsilonでは、Adamが0で割ることがある。
    .first = 訓練する重みはfloat32で持つか（積にはautocastを使う）、epsilonを1e-4にする。
    .sound = 表せる
    .wrong = 重みがfloat16で、オプティマイザのepsilon（{ E($epsilon) }）がそこでは0になる。更新が0で割ることがある

check-spectral-norm = スペクトル正規化のある重みは正規化されているか
    .short = スペクトル正規化のある層
    .why = 評価モードではノルムは測り直されない。訓練モードで一度も動いていない層は、乱数から作られた値で割られている。
    .first = 固定する前に訓練モードでいくつかのバッチを通すか、重みと一緒にベクトルuとvも読み込む。
    .sound = { $still ->
        [0] ノルムは毎回測り直される（重み{ COUNT($count) }個）
       *[other] 評価モードの重み{ COUNT($still) }個の最大特異値は1である
    }
    .wrong = 評価モードの{ $name }の最大特異値が、1ではなく{ G($size, digits: 3) }以上である（同様の重み{ COUNT($count) }個）。ノルムが一度も測られていない

check-scale = 各層の出力の大きさは妥当か
    .short = 層の出力の大きさ
    .why = 極端に大きい出力、範囲の端に張りついた出力、すべて0の出力からは、役に立つ勾配が返らない。
    .first = 入力を正規化し、活性化関数に合った初期化（PyTorchの既定、He、Xavier）を使う。
    .sound = { COUNT($layers) }層の出力のうち最大は{ G($largest, digits: 3) }である（{ $name }）
    .huge = { names-and-more }の出力が{ G($value, digits: 2) }に達している
    .saturated = { names-and-more }の出力の{ PERCENT($value) } %が範囲の端にある
    .dead = { names-and-more }の出力の{ PERCENT($value) } %が0である

check-gradient-scale = 各層の勾配は同程度の大きさか
    .short = 層の勾配の大きさ
    .why = 勾配が途中で消えると、最初の層は何も学ばない。
    .first = 残差接続と正規化を加えるか、大きさを保つ初期化を使う。
    .sound = 同じ種類の重みの二乗平均平方根は、最も離れた種類でも{ G($least, digits: 2) }（{ $smallest }）から{ G($most, digits: 2) }（{ $largest }）の間である
    .wrong = { $smallest }の勾配の二乗平均平方根は{ G($least, digits: 2) }、{ $largest }では{ G($most, digits: 2) }である

check-step-order = ループは消去、計算、クリッピング、更新をこの順に行うか
    .short = 勾配消去・クリッピング・更新の順序
    .why = すでに使われた勾配、失われた勾配、まだクリッピングされていない勾配による更新は意図したものと違い、損失には何も現れない。
    .first = optimizer.zero_grad()、loss.backward()、clip_grad_norm_(...)、optimizer.step()、scheduler.step()をこの順に書く。
    .sound = ステップの{ $calls }回の呼び出しで、{ $updates }回の更新はどれも、そのためだけに計算された勾配を使った
    .kept = 前の更新ですでに使われた勾配を、次の更新も使っている。その間に{ names-and-more }の勾配が消去されない
    .again = 前の更新ですでに使われた勾配を、次の更新も使っている。二つの更新の間に逆伝播がない（{ names-and-more }の勾配）
    .empty = { $updates }回の更新のどれでも、勾配をもつパラメータがない。{ $late ->
        [yes] 逆伝播が更新の後に来る
       *[no] 逆伝播がない
    }ため、何も学ばれない
    .gone = 勾配を受け取るのに、オプティマイザの更新時にはなくなっているテンソル: { names-and-more }
    .late = 更新に使われた後、消去される前に、すべての勾配が{ G($factor, digits: 2) }倍されている。クリッピングが遅すぎる
    .early = clip_grad_norm_が、どのパラメータにも勾配のない逆伝播の前にだけ呼ばれている（ステップの{ $calls }回の呼び出し）。何もクリッピングされない

check-step-loss = ループはそのバッチの損失を最小化するか
    .short = ループが最小化する損失
    .why = バッチを分けて計算しても、結果はバッチ全体のものと同じでなければならない。平均の平均では、短い部分の予測対象一つが長い部分の予測対象一つより重くなる。
    .first = すべての予測対象の損失を足し、バッチ全体の予測対象の数で割る。分けた部分ごとに予測対象の数の割合で重みをつける。
    .sound = 最初の更新は、{ $passes ->
        [1] { "" }
       *[other] { COUNT($passes) }回に分けて計算された
    }バッチの損失の勾配を使う
    .wrong = 最初の更新は{ COUNT($passes) }回に分けた勾配の単純な平均を使うが、それぞれの予測対象の数は{ COUNT($least) }から{ COUNT($most) }まで違う。バッチの損失の勾配ではない（{ PERCENT($apart) } %異なる）

check-loss-scale = 損失スケールは更新を変えないか
    .short = 損失スケール
    .why = スケールは勾配を半精度の範囲に収めるためのもので、訓練中に自動的に変わる。それに左右されるものがあれば、訓練も一緒に変わる。
    .first = backwardとclip_grad_norm_の間でscaler.unscale_(optimizer)を呼び、optimizer.step()の代わりにscaler.step(optimizer)を使う。
    .sound = スケールを半分にしても、最初の更新は同じ勾配を使う
    .clipped = 損失スケール{ G($scale) }を半分にすると、最初の更新の勾配が{ G($ratio, digits: 3) }倍になる（ノルム{ G($first, digits: 3) }と{ G($second, digits: 3) }）。スケールが掛かったままクリッピングされている
    .kept = 損失スケール{ G($scale) }を半分にすると、最初の更新の勾配が{ G($ratio, digits: 3) }倍になる（ノルム{ G($first, digits: 3) }と{ G($second, digits: 3) }）。スケールで割られていない
    .overflows = 損失スケールが{ G($scale) }だとステップを{ $calls }回呼び出しても更新が行われず、{ G($better) }なら行われる。勾配が半精度で表せる範囲を超えており、スケールが十分に下がるまで、すべての更新が飛ばされる
    .vanishes = 損失スケールが{ G($scale) }だとステップを{ $calls }回呼び出しても勾配はすべて0で、{ G($better) }なら0ではない。勾配が小さすぎて半精度では表せない

check-step-weights = 順伝播は現在の重みで計算されるか
    .short = 混合精度が保持する重み
    .why = autocastはブロックが終わるまで重みのコピーを保持する。複数の更新を一つのブロックで囲むと、2回目以降の計算は古い重みを使う。
    .first = autocastは順伝播だけを囲むか、更新のたびにtorch.clear_autocast_cache()を呼ぶ。
    .sound = autocastの中で更新した後も、比べた線形層はすべて現在の重みで計算した
    .wrong = autocastの中で更新した後、{ COUNT($count) }個の線形層が更新前の重みで計算している: { names-and-more }

check-step-mode = ループは訓練モードで訓練するか
    .short = ループの訓練モード
    .why = 評価モードでの訓練では、ドロップアウトが働かず、統計量も更新されない。
    .first = ループの中で評価するたびに、その後でmodel.train()を呼ぶ。
    .sound = ステップの{ $calls }回の呼び出しで、訓練モードだった層が評価モードで訓練されることはなかった
    .wrong = { $calls }回のうち{ $call }回目の呼び出しで、前は訓練モードだった層が評価モードのまま訓練される: { names-and-more }

check-step-frozen = ループが勾配をゼロにする値は動かないか
    .short = ループが固定する値
    .why = 重み減衰とモメンタムは、勾配のない重みも動かす。
    .first = 更新の後で元の値に戻すか、重み減衰のない別のパラメータに分ける。
    .sound = ループは{ COUNT($count) }個のテンソルの勾配の一部をゼロにし、その値は動かない
    .wrong = ループは{ $calls }回の更新のたびに{ $name }の勾配のうち{ COUNT($cleared) }個の値をゼロにするが、そのうち{ COUNT($moved) }個の重みが動いている

check-schedule = 学習率のスケジュールは訓練の長さに合うか
    .short = 学習率スケジュール
    .why = 進めすぎるスケジュールは早く終わり、長すぎるスケジュールはウォームアップから抜け出さない。
    .first = スケジュールには、それ自身のステップ数（更新の数、エポックごとに進めるならエポックの数）を渡す。
    .sound = { $planned ->
        [0] スケジュールは更新ごとに一度進む
       *[other] スケジュールの{ COUNT($planned) }ステップで、学習率は{ G($first, digits: 3) }から始まり、{ G($peak, digits: 3) }に達し、{ G($last, digits: 3) }で終わる
    }
    .other-optimizer = スケジュールは別のオプティマイザのもので、このオプティマイザの学習率を変えない
    .often = { $calls }回のどの呼び出しでも、スケジュールが更新一回につき{ G($turns) }回進む
    .barely = スケジュールはエポックごとに進むので、訓練全体でも{ COUNT($span) }ステップのうち{ COUNT($planned) }ステップしか進まず、学習率は初めのままである（{ G($first) }から{ G($last) }）。スケジュールのステップ数は、訓練の更新の数（{ COUNT($updates) }）とほぼ同じである。更新ごとに進める（Lightningでは"interval": "step"）か、エポックの数を渡す
    .over = スケジュールは更新ごとに進み、{ COUNT($planned) }回の更新のうち{ COUNT($span) }回で、学習率{ G($to, digits: 2) }まで下がり終わる。スケジュールのステップ数は、訓練のエポックの数（{ COUNT($epochs) }）とほぼ同じである。エポックごとに進めるか、更新の数を渡す
    .raises = スケジュールが{ COUNT($planned) }ステップのうち{ COUNT($at) }ステップで、エラーで終わる
    .idle = { COUNT($planned) }ステップのうちステップ{ COUNT($at) }から、学習率が{ G($peak, digits: 2) }に比べてほぼ0になる（最後は{ G($last, digits: 2) }）
    .rising = { COUNT($planned) }ステップを通して学習率が{ G($first, digits: 2) }から{ G($last, digits: 2) }へ上がり続ける。ウォームアップが訓練より長い
    .jumps = { COUNT($planned) }ステップのうちステップ{ COUNT($at) }で、学習率がそれまでの最大の{ G($times, digits: 3) }倍の{ G($to, digits: 2) }に跳ね上がる
    .turns = { COUNT($planned) }ステップのうちステップ{ COUNT($at) }まで学習率が下がり、その後{ G($last, digits: 2) }までまた上がる。訓練がスケジュールのT_maxより長い

check-gradients = 訓練するパラメータはすべて勾配を受け取るか
    .short = 全パラメータの勾配
    .why = 勾配のないパラメータは訓練されない。使い忘れた分岐、detach、死んだ層などである。
    .first = 示された層の出力を損失までたどる。使われているか、途中にdetach、.data、no_gradがないかを確かめる。
    .sound = 訓練する{ COUNT($count) }個のテンソルすべてが{ $updates }回の更新のうちに勾配を受け取った
    .absent = 訓練するテンソル{ COUNT($count) }個（訓練する全重みの{ PERCENT($share) } %）が勾配を受け取らない: { names-and-more }。損失はこれらに依存していない
    .zero = 訓練するテンソル{ COUNT($count) }個（訓練する全重みの{ PERCENT($share) } %）の勾配が、どの更新でもちょうど0である: { names-and-more }

check-moves = すべてのパラメータが動くか
    .short = パラメータが動くこと
    .why = 重みの丸めより小さい更新は失われる。訓練は遅いのではなく止まっている。
    .first = 重みをfloat32で訓練するか、学習率を上げる。
    .sound = 勾配があり、オプティマイザに入っている{ COUNT($count) }個のテンソルすべてが、{ $updates }回の更新のうちに動いた
    .wrong = { COUNT($count) }個のテンソルは勾配があるのに{ $updates }回の更新で変わらなかった: { names-and-more }（{ $dtype }、学習率{ G($rate, digits: 2) }）。更新が丸めで失われている
    .partly = { names-and-more }では、勾配のある数の{ PERCENT($share) } %が{ $updates }回の更新で変わらなかった（{ $dtype }、学習率{ G($rate, digits: 2) }）。更新の大半が丸めで失われている

check-stays = 固定したパラメータは動かないか
    .short = 固定したパラメータが動かないこと
    .why = 固定した部分が動けば、それはもう以前に訓練したものではなく、損失には何も現れない。
    .first = 固定した重みはオプティマイザに入れず（重み減衰でも動く）、固定したバッチ正規化は評価モードにする。
    .sound = 固定した{ COUNT($count) }個のテンソルはすべて元のままである
    .weights = 固定した{ COUNT($count) }個のテンソルが動いた: { names-and-more }
    .statistics = 固定したバッチ正規化の重みは元のままだが、移動統計量が{ COUNT($count) }個動いている: { names-and-more }
    .step = ステップは呼ばれるたびに、固定した{ COUNT($count) }個のテンソルに、訓練している重みと同じく{ G($factor, digits: 7) }を掛ける: { names-and-more }

# "sound"と、.fellの"prior"は2026-12より前のファイルだけが使う。
check-learns = 一つのバッチを覚えられるか
    .short = 一つのバッチを学習できるか
    .why = 一つのバッチを暗記できないモデルは、データセットも学べない。
    .first = まずここに挙がったほかの問題を見る。次に一つのバッチで、予測対象、損失、学習率を確かめる。
    .sound = このバッチだけで、損失は{ $updates }回の更新で{ G($first) }から{ G($last) }に下がる{ $factor ->
        [1] { "" }
       *[other] （学習率を{ $factor }倍にして。元の学習率では遅すぎて判断できない）
    }
    .wrong = このバッチだけで、損失は{ $updates }回の更新で{ G($first) }から{ G($last) }になり、学習率を1,000倍にしても下がらない。何も学ばれていない
    .shuffled = モデルへの入力は同じで、各クラスの数も変わらないのに、乱数が変わると損失は{ COUNT($rows) }個の出力の{ PERCENT($share) } %を別の目標へ引く。目標がかき混ぜられ、入力と対応していない
    .fell = このバッチだけで、損失は{ $updates }回の更新で{ G($first) }から{ G($last) }へ{ PERCENT($share) } %下がる{ $factor ->
        [1] { "" }
       *[other] （学習率を{ $factor }倍にして。元の学習率では遅すぎて判断できない）
    }{ $reached ->
        [heart] 。丸暗記できている
        [prior] 。クラスの割合どおりに当てたときの値（{ G($prior) }）を下回っておらず、入力について何かを学べるかは、それ以上試していない
        [floor] 。クラスの割合どおりに当てたときの値（{ G($prior) }）であり、どの行の入力も同じなので、どのモデルでもこれより下がらない
       *[part] 。丸暗記できるかは、それ以上試していない
    }
    .below = このバッチだけで、損失は{ $updates }回の更新で{ G($first) }から{ G($last) }に下がる{ $factor ->
        [1] { "" }
       *[other] （学習率を{ $factor }倍にして。元の学習率では遅すぎて判断できない）
    }。0を下回る損失なので、バッチがどこまで学ばれたかは分からない
    .decayed = このバッチだけで、weight_decay={ G($decay) }では、損失は{ COUNT($updates) }回の更新で{ G($first) }から{ G($last) }になり、行ごとの出力の差は小さくなる。重み減衰がなければ、それ以下の更新回数で{ G($without) }まで下がる。減衰が、学んだことを打ち消している。もっと小さい値にする
    .alike = { COUNT($count) }層のユニットが最初からすべて同じで、{ $updates }回の更新の後も同じである: { names-and-more }。この層は一つのユニットと変わらない

# 検査できなかった理由。
check-reason =
    .no-time = 時間が残らなかった
    .error = そのために試した計算がエラーで終わった: 「{ $error }」
    .no-loss = 損失を計算できない
    .meta = モデルは数値をもたないデバイス「meta」にある。検査するには別のデバイスに移す
    .sharded = モデル、または損失が呼ぶモデルは、プロセスに分割されている（FSDP、DTensor）。計算の呼び出しは全プロセスで揃っていなければならない。検査はラップする前に行う
    .lazy = 最初のバッチで大きさの決まる層（lazy）がある。検査の前、オプティマイザを作る前に、一つのバッチをモデルに通す
    .no-scalar = loss(model, batch)は一つの数ではなく{ $got }を返した
    .no-output = モデルの返すものの中に、数のテンソルが見つからない
    .scripted = モデルはスクリプト化またはトレースされている（torch.jit）。フックを付けられないので、その入力と出力が見えない。元のモジュールを検査する
    .calls = { $calls ->
        [0] 損失はモデルもその部分も、モジュールとして呼んでいない
       *[other] 損失はモデルを{ $calls }回呼ぶ。どの呼び出しを検査すべきか決められない
    }
    .no-gradient = モデルの出力に損失の勾配がない
    .loss-met = このバッチの損失はちょうど0で、勾配もない。マージンがすべて満たされている場合などである。バッチの行を入れ替えれば勾配が出る。損失が0より大きいバッチを渡す
    .cancelled = { names-and-more }の勾配はちょうど0だが、同じ層の重みの勾配は0ではない。出力どうしの差のように、層の出力に定数を足しても変わらない損失なので、失われるものはない
    .single-number = モデルは一行に一つの数を出し、クラスごとの数は出さない
    .unreached = 訓練するテンソル{ COUNT($count) }個（訓練する全重みの{ PERCENT($share) } %）は、このバッチから勾配を受け取らないが、並んでいる同種の部分は受け取る: { names-and-more }。エキスパートやヘッドのように別の入力を待つか、ランダムに飛ばされる部分なら正しく、どこからも使われない部分なら誤りである
    .no-cross-entropy = 損失は、モデルの出力の単純な交差エントロピーではない
    .no-tokens = 出力と同じ形のトークンがモデルに渡されていない
    .not-next-token = 予測対象はずらしたトークンではない（一致は最大で{ PERCENT($share) } %）。分類器やマスク言語モデルなどである
    .not-next-token-model = 次のトークンを予測するモデルではないので、全体を読んでもよい
    .repetitive = このバッチの文は繰り返しが多く、いくつずらしても自分自身と一致する
    .read-whole = 予測対象の{ PERCENT($share, digits: 1) } %が{ $shift ->
        [0] 同じ位置のトークン
       *[other] 同じ行の、位置が一定数（{ $shift }）ずれたトークン
    }であり、モデルはその行全体を読んでいる。文章の複写、訂正、符号化なら正しく、次のトークンや隠したトークンを予測するはずなら誤りである
    .padding-targets = パディングは読まれていないが、パディングの位置に予測対象が{ COUNT($counted) }個ある。デコーダーをもつモデルのように別の文章のものなら正しい。同じ位置のトークンのものなら、パディングが損失に数えられている
    .trained = モデルはすでに訓練されている（オプティマイザがモーメントを持っている）。これは訓練前にだけ行う検査である
    .weighted = 予測対象に重みがついているか（合計{ G($total) }）、損失に平均以外のものが含まれている
    .factor = 損失は予測対象にわたる平均の{ G($total) }倍であり、バッチの半分でも同じである。行内の位置の和をとる場合のように、意図したものなら正しい
    .tokens-unused = 出力がトークンにまったく依存していない
    .no-rows = 比べられる二つの行がない。一行だけのバッチ、グラフ、あるいは行の数の違う入力である
    .in-batch = 対照学習のように、どの行もほかのすべての行と比べられている
    .rows-compared = ほかの行を変えると、ある行の出力がそのスケールの{ G($moved, digits: 2) }だけ動き、損失は行どうしの出力を比べている。順位をつける一つのリストの項目のように、ひとまとまりの行かもしれない
    .along-first = { $how ->
        [order] 最初の軸（長さ{ COUNT($rows) }）は位置の軸かもしれない。その上のものを変えると、あとの出力だけが動き、前の出力は動かない
       *[layer] { $how ->
            [model] モデル
           *[layer] { $layer }
        }は最初の軸（長さ{ COUNT($rows) }）に沿って読む。それが位置の軸（[T, B]）なら正しく、行の軸（[B, T]）なら、行どうしが互いを見る誤りである（ほかの行の出力がそのスケールの{ G($moved, digits: 2) }だけ動く）
    }
    .rounded = { $what ->
        [rows] ある行を変えると、ほかの行の出力がそのスケールの{ G($moved, digits: 2) }だけ動く
        [padding] パディングのトークンを変えると、ほかの出力がそのスケールの{ G($moved, digits: 2) }だけ動く
       *[later] 後のトークンを変えると、前の出力がそのスケールの{ G($moved, digits: 2) }だけ動く
    }。{ $how ->
        [off] ただし丸めを外すと{ G($unrounded, digits: 2) }しか動かない。モデルは、すべての行と位置に共通の、テンソル全体の範囲で量子化されている
        [layers] ただしモデルには量子化された層があり、すべての行と位置の範囲でバッチを丸めることがある
       *[unknown] ただしモデルは量子化されており、その範囲がすべての行と位置に共通なのかもしれない。丸めを外すとモデルは動かない
    }
    .quantised-untrained = 勾配を受け取る重みがない。モデルに量子化された層があり、勾配はそこを通らない
    .linked = ある行を変えると、ほかの行の出力がそのスケールの{ G($moved, digits: 2) }だけ動く。ただしモデルには、グラフの節点のように{ COUNT($rows) }行を結ぶものが与えられているか、モデルがそれを持っている{ $how ->
        [along] 。半分ずつに分けてその間の結びを無くすと互いに動かないので、行はこの結びだけをたどって読まれている
        [beyond] 。半分ずつに分けてその間の結びを無くしても、一方が他方を動かす（{ G($unlinked, digits: 2) }）。グラフ全体のノルム、平均、アテンションなら正しく、別の軸でのsoftmaxやreshapeによるなら誤りである
       *[unknown] 。行がこの結びだけをたどって読まれるなら正しい
    }
    .not-repeatable = 同じ呼び出しが毎回違う数を返すので、比べられない
    .carries = 損失がモデルとバッチのほかに状態を持っている。同じ状態からは同じビットになるが、次に呼ぶと{ EXACT($first) }が{ EXACT($second) }になる。訓練を再開またはリプレイするには、その状態も要る
    .other-shape = 入力を変えると出力の形が変わる
    .no-padding = 何かを除くアテンションマスクも、行の末尾を埋めるだけのトークンも、バッチにない
    .padding-fixed = パディングの{ COUNT($padding) }か所のトークンを変えると、ほかの出力がそのスケールの{ G($moved, digits: 2) }だけ動く。この位置を取り除くとモデルが動かないので、それ以上は分からない。モデルがパディングのトークンを自分で探しているなら正しく、そこにあるものを読んでいるなら誤りである
    .mask-not-given = バッチには{ COUNT($padding) }か所を除くマスクがあるが、モデルには渡されておらず、その位置を取り除くと出力がそのスケールの{ G($left, digits: 2) }だけ動く。どの行もいつも同じ長さなら正しく、長さがほかの行しだいなら誤りである
    .padding-untold = { $by ->
        [padding_idx] 埋め込みのpadding_idx
        [targets] 数えられない予測対象
        [lengths] バッチにあり、モデルには渡されていない長さ
       *[ends] 行の末尾にだけあるトークン
    }から、パディングが{ COUNT($padding) }か所あると分かる。そこを取り除くと、ほかの出力がそのスケールの{ G($left, digits: 2) }だけ動く。どの行もいつも同じ長さなら正しく、長さがほかの行しだいなら誤りである
    .samples = モデルは評価時にも乱数を使う。サンプリングするモデルならそれが意図どおりで、ドロップアウトは含まれていない
    .no-modes = 訓練時に動作の変わる層がない
    .all-in-evaluation = モデル全体が評価モードである。訓練時の状態（model.train()）で渡す
    .slow = このバッチだけでは、学習率を{ $factor }倍にしても損失は{ $updates }回の更新で{ G($first) }から{ G($last) }にしか下がらず、判断できない
    .prior = このバッチだけで、損失は{ $updates }回の更新で{ G($first) }から{ G($last) }に下がる{ $factor ->
        [1] { "" }
       *[other] （学習率を{ $factor }倍にして）
    }が、入力を見ずにクラスの割合どおりに当てたときの値（{ G($prior) }）を下回らない。もっと多くの更新が要るだけなら正しく、出力が入力によらないのなら誤りである。行が少なく、各クラスがほぼ同じ数だけ現れるバッチを渡す
    .one-class = このバッチの予測対象はすべて同じクラスで、モデルは入力を見なくてもそれを学べる。複数のクラスを含むバッチを渡す
    .targets-drawn = 損失が目標を乱数で引いている。乱数が変わると、同じ入力に対する目標の{ PERCENT($share) } %が別のものになる（方策が行動を引く場合など）
    .drawn = モデルが答えた後で損失が乱数を引いている。毎回同じ乱数なら下がるが、別の乱数ではその半分も下がらない（{ G($first) }から{ G($last) }）
    .sure = モデルが答えに自信を持ちすぎていて、予測対象の重みを読み取れない
    .rate-zero = ウォームアップの最初のステップのように、ここでは学習率が0である
    .some-rest = ウォームアップの最初のステップのように、勾配があるのに学習率が0のテンソルが{ COUNT($count) }個ある: { names-and-more }。ほかの{ COUNT($moved) }個は動いた
    .other-optimizer = 訓練するテンソル{ COUNT($count) }個（訓練する全重みの{ PERCENT($share) } %）がこのオプティマイザになく、別のオプティマイザにある: { names-and-more }。ループが両方で更新するなら正しい（step=を渡せば検査できる）
    .nothing-frozen = 固定されたものはない
    .step-writes = ステップは固定した{ COUNT($count) }個のテンソルを書き換える: { names-and-more }。ほかの重みの平均、コードブック、徐々に変える値のように、ステップ自身が計算するものなら正しい。元のままのはずなら誤りである
    .follows = 固定したバッチ正規化の移動統計量が{ COUNT($count) }個動いている: { names-and-more }。教師モデルのように、並んで訓練される同じ形の部分に追従するものなら正しい。元のままのはずなら誤りである
    .rows-together = バッチの損失は半分ずつの平均でも和でもない。行どうしを比べているか、行の内容で重みをつけている
    .order-counts = 評価モードで、{ COUNT($rows) }行を別の順序にすると、バッチの損失が{ G($whole) }から{ G($other) }に変わる。行が一つの系列の各時点である、二つずつ組になっている、損失が必要とする順に並べてある、のいずれかなら正しい。それぞれの行が独立に数えられるはずなら誤り
    .half-fails = 半分の行だけでは損失を計算できない。バッチのほかの部分が全部の行に合わせて作られている場合などである: 「{ $error }」
    .sum = 半分ずつの損失の和がバッチ全体の損失（{ G($whole) }）になる。行についての和である。意図したものでなければ、更新の大きさがバッチの大きさで変わる
    .weighs-rows = バッチの損失は半分ずつの平均ではない（数えるべき予測対象の平均かどうかを見る）
    .uneven = 半分ずつの予測対象の数が{ COUNT($first) }と{ COUNT($second) }なので、損失の平均（{ G($mean) }）は全体の損失（{ G($whole) }）と一致しない。勾配を累積するなら、小さなバッチを予測対象の数で重みづけする
    .no-padding-row = パディングの行（padding_idx）を持つ埋め込みがない
    .padding-row-unread = パディングの行はゼロではないが、このバッチの損失はそれに依存しない。パディングがないか、マスクされている
    .no-single-numbers = モデルは一行につき一つより多くの数を出力する
    .no-targets-known = バッチのどのテンソルが予測対象なのか分からないか、予測対象がすべて同じである
    .rows-unpaired = 出力と予測対象が、それぞれ全体として比べられているか、出力がすべて同じである
    .targets-unused = バッチの予測対象を変えても損失が変わらない
    .no-single-targets = 一行に予測対象が複数あるか、予測対象がバッチ内の位置である
    .answers-whole = 入力{ $name }はすべての位置の予測対象を持ち、モデルはそれを全体として読む。元のテキストを写すモデルなら正しい。見えないものを予測するはずなら誤りである
    .answers-own = 入力{ $name }は予測対象そのもので、そのクラスの出力だけを動かす。ArcFaceのように、マージンで抑えるだけなら正しい。モデルが見てはならないものなら誤りである
    .too-few-targets = { COUNT($rows) }行では少なすぎる。予測対象と同じ数が偶然入力にあり得る
    .no-end = 行はさまざまなトークンの後をトークン{ $token }で埋められている。文を終えるトークンがないか、{ $token }自身が文を終え、パディングと一緒に除かれている
    .end-unlearnt = トークン{ $token }はどの行でもパディングの直前にあり、予測対象になっていない。書式の一部なら正しく、文の終わりなら誤りである
    .no-embedding = モデルの入力の整数を読む埋め込みがない
    .tokenizer-unknown = { $kind }が何トークンを持つのか分からない
    .no-loader = データローダーが渡されていない（loader=）
    .no-ids = ローダーが返すものの中に、トークンもクラスも見つからない
    .other-loader = ローダーが{ $kind }型で、torchのDataLoaderではない
    .stream = データセットがストリームで、行に番号がない
    .short-stream = ストリームが数バッチで終わるか、繰り返している
    .no-indices = サンプラーが行番号を返さない
    .long-epoch = サンプラーが{ COUNT($count) }行より多くを返し、比べるには多すぎる
    .no-workers = 比べられるだけのワーカーがローダーにない
    .no-tensors = ローダーがテンソルを返さない
    .same-rows = 番号の異なる{ COUNT($compared) }行の内容を比べると、{ COUNT($alike) }行（{ PERCENT($share, digits: 1) } %）がほかの行とビット単位で同じである（異なる行は{ COUNT($distinct) }行）。わざと繰り返しているか、行の取りうる値が少ないのなら正しい。データセットが同じ行をいくつもの番号で渡し、ほかの行を渡していないのなら誤りである
    .repeats = 1エポックの{ COUNT($rows) }行のうち{ COUNT($repeated) }行が、同じエポックですでに現れている（異なる行は{ COUNT($distinct) }）。復元抽出なら正しい
    .set-epoch = ループが各エポックの前にset_epoch(epoch)を呼ぶときだけ順序が変わる。呼ばなければ二つのエポックは同じである
    .own-order = サンプラーが独自の順序を持ち、二つのエポックで同じである
    .no-shards = 行をランクに分けるサンプラーがローダーにない
    .rank-fixed = rank属性を変えてもサンプラーが同じ行を返す。作られたときにランクを読み取っている可能性がある
    .no-step = ループのステップが渡されていない（step=）
    .no-update = ステップを{ $calls }回呼んでも、このオプティマイザは更新しなかった
    .closure = オプティマイザが更新の中で損失を計算する（クロージャ）
    .nothing-cleared = ループは、毎回同じ部分の勾配をゼロにすることをしない
    .no-schedule = スケジュールが渡されておらず（scheduler=）、ステップの中にも見つからない
    .no-steps = 訓練が何回更新するのか分からない（steps=）
    .measured-schedule = スケジュールが、訓練中に測る値によって変わる
    .long-schedule = スケジュールの{ COUNT($count) }ステップは、試すには時間がかかりすぎる
    .schedule-jumps = { COUNT($planned) }回の更新のたびに進めるなら、学習率はステップ{ COUNT($at) }で、それまでの最大の{ G($times, digits: 3) }倍の{ G($to, digits: 2) }に跳ね上がる（step=を渡せば検査できる）
    .schedule-short = スケジュールはエポックごとに進むので、訓練全体でも{ COUNT($span) }ステップのうち{ COUNT($planned) }ステップしか進まない（{ G($first) }から{ G($last) }）。この訓練が、もっと長い訓練の最初の部分なら正しく、スケジュールのステップが更新を数えるはずなら誤りである
    .epoch-unknown = スケジュールはエポックごとに進むが、1エポックの更新の数が分からない。モジュールがトレーナーを持っているon_fit_startの中で、train_dataloader()かloader=があり、バッチ数を制限せず、一つのプロセスで、newllm.checkを呼ぶ
    .schedule-per-epoch = { COUNT($planned) }回の更新のたびに進めるなら、スケジュールは合わない（{ G($first, digits: 2) }から{ G($last, digits: 2) }）。エポックごとに進めるなら正しい（step=を渡せば確かめられる）
    .no-evaluate = 評価が渡されていない（evaluate=）
    .evaluation-none = 評価は一つの数ではなく{ $kind }を返す
    .evaluation-acts = 評価が訓練モードにする層: { names-and-more }。ドロップアウトで複数の答えを引く場合のように、意図したものなら正しく、train()の呼び出しが残っているのなら誤りである
    .evaluation-scale = モデルに渡される数は、評価データの最初のバッチでは平均{ G($mean_there, digits: 2) }、標準偏差{ G($spread_there, digits: 2) }、訓練では平均{ G($mean, digits: 2) }、標準偏差{ G($spread, digits: 2) }である。データがそれだけ違うのなら正しく、どちらかに正規化が抜けているのなら誤りである
    .evaluation-other = 評価はバッチに{ G($value) }を返すが、評価モードでの損失は{ G($expected) }である。別のものを測っているなら正しい
    .no-autocast = 自動混合精度は使われていない
    .no-products = 自動混合精度は{ $kind }で有効だが、そこではモデルが、知られた種類の積を計算していない
    .autocast-off = 自動混合精度が求められているが、ここではtorchが無効にしている（{ $why }）。訓練する環境で検査する
    .no-half = 半精度の重みはない
    .no-layers = 比べられる種類の層が足りない
    .train-changes = model.train()を呼ぶと、{ COUNT($count) }個のパラメータや層がまだ変わる（{ names-and-more }）。train()の中で自分の一部を固定するモデルなどである。検査の前に、そして最初のステップの前に呼ぶ
    .norms-kept = 訓練時に動作の変わる{ COUNT($of) }層のうち{ COUNT($count) }層が、評価モードのままスケールとシフトを訓練するバッチ正規化である: { names-and-more }。行が少ない場合のように、統計量を固定する意図なら正しい
    .no-tie = 埋め込みと出力層が一つの重みだとする設定がないか、アダプターがその一方を置き換えている
    .no-settings = オプティマイザはAdamではなく、統計量を保つバッチ正規化もない
    .no-spectral-norm = スペクトル正規化のある層がない
    .no-scaler = 有効な損失スケーラーがステップの中に見つからないか、複数ある
    .scale-other = 損失スケールを変えると、最初の更新の勾配が別の形で変わる。ステップが独自の乱数やバッチを使う場合などである
    .scale-far = 損失スケール{ G($scale) }を半分にしても、最初の更新は同じ勾配を使う。ただし、通常の範囲から大きく外れたこのスケールで、半精度（上限65,504、下限6e-8）の勾配が溢れたり消えたりしないかは、ここではわからない
    .scale-skips = この損失スケールでは、{ $calls }回の呼び出しで一度も更新が行われなかった
    .no-autocast-around = 自動混合精度の中では更新が行われていない
    .modes-differ = ドロップアウトもバッチ正規化もないのに、評価モードの出力が訓練モードの出力と、その大きさの{ G($moved, digits: 2) }だけ違う。モードで動作を変える意図なら正しい
    .schedule-first = スケジュールが更新の前に進むので、最初の学習率（{ G($first, digits: 2) }）が使われない。ウォームアップの0のように、飛ばす意図なら正しい
    .step-other = 最初の更新の勾配は、このバッチの損失の勾配と違う。ステップが独自の乱数やバッチを使うか、何かを加えているなら正しい
    .step-sum = 最初の更新は損失の勾配の{ $passes }倍を使う。{ $passes }回に分けた勾配が平均されずに足されている。意図したものでなければ、更新の大きさが分ける数で変わる

# ターミナル、実行のページ、レポート。
check_wrong = 問題
check_first = 最初にすること
check_trained = 訓練前の検査で問題が{ COUNT($count) }件見つかっていた：{ $named }{ $more ->
    [0] { "" }
   *[other] 、ほか{ COUNT($more) }件
}。
check_parameters = パラメータ{ COUNT($count) }個
check_other_model = 検査したモデルのパラメータは{ COUNT($checked) }個で、訓練されたモデルの{ COUNT($trained) }個と異なる。
check_next = まだ訓練していない。{ $wrong ->
    [0] 同じディレクトリに訓練を記録する：
   *[other] 問題を直してもう一度検査し、同じディレクトリに訓練を記録する：
}
terminal-check = { $wrong ->
    [0] 問題は見つからなかった
   *[other] 問題{ COUNT($wrong) }件
}、正常{ COUNT($sound) }件、検査できなかったもの{ COUNT($unchecked) }件（{ FIXED($seconds, digits: 1) }秒）
terminal-check-why = なぜ大切か
terminal-check-first = 最初にすること
terminal-check-give = { $argument }を渡せば調べられるもの：
terminal-check-not_here = { $why }：
terminal-check-title = 訓練前の検査
