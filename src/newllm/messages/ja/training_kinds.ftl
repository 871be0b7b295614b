# 通常の教師あり学習ではない訓練の所見と、損失以外に記録された値の所見。

finding-generator-stands-still =
    .explained = 生成器に勾配が届いていない。識別器が見分け方を学ぶ間も、生成されるサンプルは変わらない。生成器の損失と重みの間にdetach()やno_grad()がないか、オプティマイザに生成器のパラメータが渡されているかを調べる。
    .sentence = { SIGNAL($measure) }は{ G($usual) }の前後でばらつくだけだが、{ SIGNAL($generator) }は{ G($others_start) }から{ G($others) }になり、{ SIGNAL($discriminator) }は{ G($start) }から{ G($level) }に下がった。生成器が変わっていない。
    .test = 逆伝播の後に、生成器の重み一つの勾配ノルムを表示する。

finding-discriminator-wins =
    .explained = 識別器がサンプルとデータをほぼ誤りなく見分けており、生成器に役立つ勾配がほとんど届かない。識別器のステップ数や学習率を減らすか、入力にノイズを加える。
    .sentence = { SIGNAL($discriminator) }は{ axis-unit }{ $first }から{ $last }まで約{ G($level) }にとどまり（最初は{ G($start) }）、{ SIGNAL($generator) }は{ G($others) }である（最初は{ G($others_start) }）。識別器が勝っている。
    .easy-to-tell = データとサンプルが、スケールなどの単純な点で異なる
    .test = 識別器を固定して、しばらく生成器だけを訓練する。生成器の損失は下がるはずである。

finding-generator-wins =
    .explained = 生成器の損失がほぼ0になったのに識別器が応答しない。識別器が訓練されていないか、もう何も見分けられない。サンプルは識別器の誤りを突いているだけである。識別器の重みが変わっているかを調べる。
    .sentence = { SIGNAL($generator) }は{ axis-unit }{ $first }から下がって{ G($level) }になり（最初は{ G($start) }）、{ SIGNAL($discriminator) }は{ G($others) }のままである{ $still ->
        [yes] （ばらつきもほとんどない）
       *[no] { "" }
    }。識別器が応答していない。
    .weak = 課題に対して小さすぎる識別器
    .test = しばらく識別器だけを訓練する。損失は当てずっぽうの水準より下がるはずである。

finding-mode-collapse =
    .explained = 生成されるサンプルがどれも似ている。生成器は、識別器が受け入れる一つのものだけを作っている。サンプルのバッチを見る。小さい学習率か、複数のサンプルを同時に見る識別器が役立つ。
    .sentence = { SIGNAL($signal) }は最大{ G($peak) }だったが、{ axis-unit }{ $first }以降は{ G($level) }である。サンプルがほぼ同じになっている。
    .test = 100個のサンプルのうち、異なるものがいくつあるかを数える。

finding-values-above-returns =
    .explained = 価値が、どのエピソードで得られる報酬よりも大きく、上がり続けている。価値が報酬からではなく、互いから学ばれている。終端状態の目標は報酬だけでなければならない（エピソードが自然に終わったところで1 - doneを掛ける）。次に、ターゲットネットワーク、割引率、Double Q学習を確かめる。
    .sentence = { SIGNAL($signal) }は{ G($level) }まで上がった。これはエピソードの最良のリターン（{ SIGNAL($returns) }、{ G($best) }）の{ G($times, digits: 2) }倍である。これだけの報酬を得たエピソードはない。
    .scaled = 学習に使う報酬とは別の単位で記録されたリターン
    .cut = 途中で打ち切られるエピソード（価値には、その先で得られる分も含まれる）
    .test = いくつかのエピソード全体の割引リターンを手で計算し、最初の状態の価値と比べる。

finding-kl-weight =
    .explained = KL項の重みが、ステップごとに1をはるかに超えて増え続け、止まらない。そのため潜在変数がほとんど何も運ばなくなり、再構成も改善しない。重みのウォームアップは、1（または決めた値）で止める。min(1, step / warm_up)のように上限をつける。
    .sentence = 損失の中の{ SIGNAL($signal) }の重みが、{ axis-unit }{ $first }で1を超え、{ axis-unit }{ $last }では{ G($weight, digits: 2) }で、なお増えている。
    .on-purpose = 意図して、重みを増やし続けている
    .test = 最初、中間、最後のステップで、重みを表示する。

finding-posterior-collapse =
    .explained = KLダイバージェンスがほぼ0である。潜在変数は何も伝えておらず、デコーダはそれなしで済ませている。KLの重みを下げるか、ゆっくり上げるか、最初の数natには罰則を課さない（free bits）。
    .sentence = { SIGNAL($signal) }は{ $peak ->
        [none] 最初の数回の更新で{ G($level) }まで下がり、それからそのままである
       *[other] { G($level) }まで下がり（それまでの最大は{ G($peak) }）、{ axis-unit }{ $first }以降そのままである
    }{ $reconstruction ->
        [none] { "" }
       *[other] （{ SIGNAL($reconstruction) }は{ G($stands) }で止まっている）
    }。潜在変数が何も伝えていない。
    .strong-decoder = 潜在変数を必要としないほど強いデコーダ
    .test = 異なる二つの入力の潜在変数を復号する。潜在変数が何も伝えていなければ、出力は同じになる。

finding-kl-explosion =
    .explained = 方策が参照モデル、または更新前の自分から大きく離れた。そこで得られる報酬は、報酬関数の誤りによるものかもしれない。KLの重みを上げるか、学習率を下げる。
    .sentence = { SIGNAL($signal) }は約{ G($usual) }だったが、{ axis-unit }{ $first }から急に増え、{ G($level) }になった。
    .weight = 意図して小さくしたKLの重み
    .test = 急増の最初のステップと最後のステップで、方策の出力や行動を読む。

finding-entropy-collapse =
    .explained = 方策が自分の行動を確信しているが、その行動は今では誤りである。もう探索しないので、元に戻れない。エントロピーに報酬を与え、学習率を下げ、どのステップでエントロピーがなくなったかを調べる。
    .sentence = { SIGNAL($signal) }は{ G($start) }から{ G($level) }に下がり、{ axis-unit }{ $first }以降ほぼ0である。{ SIGNAL($reward) }は{ $lost }前後で約{ G($before) }から約{ G($now) }に下がり、戻らない。
    .solved = 確信していて当然の方策（ただし環境が途中で変わった）
    .test = 崩壊の前から、エントロピーへの報酬を加えて続ける。報酬は戻るはずである。

finding-reward-falls =
    .explained = 報酬が以前より低く、そのままである。最初の更新から下がる場合は、まずアドバンテージと損失の符号、そして報酬と行動の対応を調べる。
    .sentence = { SIGNAL($signal) }は{ G($before) }から{ G($now) }に下がった。{ $when ->
        [from-start] 最初の更新から下がり、その後一度も上がらない。報われる行動を減らすときのようである。
       *[later] { axis-unit }{ $first }までに下がり、そのままである。
    }
    .environment = 途中で難しくなった環境
    .test = アドバンテージの符号を逆にして数回更新する。報酬は上がるはずである。

finding-reward-stays =
    .explained = 報酬が一度も上がらない。方策が変わったなら、学習していることが報酬と関係していない。報酬と行動の対応と、ベースラインを調べる。変わっていないなら、その勾配と学習率を調べる。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $last }まで約{ G($level) }のまま{ $still ->
        [yes] で、{ SIGNAL($entropy) }も動かない。方策が変わっていない。
       *[no] だが、{ SIGNAL($entropy) }は{ PERCENT($moved) } %下がった。学習したことが報われていない。
    }
    .rare = まれにしか得られず、まだ一度も得られていない報酬
    .test = どの状態でも一つの行動だけに報酬を与える。その割合は数回の更新で上がるはずである。

finding-reward-hacking =
    .explained = 報酬は上がるが、本来の目的は下がっている。方策が報酬の誤りを利用している。いくつかのエピソードを見て、報酬を直してから訓練を続ける。
    .sentence = { axis-unit }{ $first }から、{ SIGNAL($reward) }は{ G($before) }から{ G($now) }に上がるが、{ SIGNAL($success) }は{ PERCENT($best) } %から{ PERCENT($left) } %に下がる。
    .other-measure = 別のものを数えている成功の指標
    .test = 最後の方策のエピソードを一つ見る。

finding-preference-at-reference =
    .explained = 損失がどのステップでもちょうどln 2である。方策と参照モデルが等しいときの値なので、参照モデルが方策そのものであり、両方が一緒に動いている。参照モデルを固定したコピーにする。
    .sentence = 損失が{ axis-unit }{ $first }から{ $last }までln 2である{ $rewards ->
        [none] { "" }
       *[other] （{ $rewards }は0）
    }。方策と参照モデルが同じである。
    .no-update = 一度も更新されない方策
    .test = 数ステップ後に、方策の重み一つを参照モデルの同じ重みと比べる。異なるはずである。

finding-preference-without-signal =
    .explained = 訓練で見ていないペアでは、損失が硬貨投げのln 2を一度も下回らない。ペアから、ほかのペアにも当てはまることが何も学べていない。20組を読む。一部でchosenとrejectedが入れ替わっているかもしれない。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $last }まで{ G($least) }以上で、硬貨投げのln 2 = 0.6931を下回らない{ $training ->
        [none] 。
       *[other] 。訓練のペアは暗記されている（{ G($training) }）。
    }
    .equal = { axis-unit }{ $first }から{ $last }まで、{ SIGNAL($chosen) }と{ SIGNAL($rejected) }が等しい。選ばれた答えと拒まれた答えが同じである。
    .few-pairs = 共通点を学ぶには少なすぎるペア
    .test = 20組を読み、どちらの答えがよいかを自分で判断する。

finding-evaluation-behind =
    .explained = 検証損失は訓練損失とともに下がるが、はるかに高いままである。過学習ではなく、訓練と評価でモデルの動かし方が違う。多くの場合、正しいトークンを与えて訓練し（教師強制）、モデル自身の出力を与えて評価しているか、評価でのデータの準備が違う。訓練のバッチを評価のコードで評価する。
    .sentence = { SIGNAL("validation_loss") }は評価の後半に{ G($gained) }改善したが、訓練損失が{ G($training) }のときに{ G($validation) }である。{ axis-unit }{ $first }ですでに差があった。
    .harder = より難しいか、種類の違う検証データ
    .test = 訓練のバッチを評価のコードで評価する。二つの損失は一致するはずである。

finding-representation-collapse =
    .explained = どの入力もほぼ同じ表現になっている。表現を一致させるための自明な解である。負例、勾配の停止、または分散の項がないか、弱すぎる。
    .sentence = { SIGNAL($signal) }は{ G($start) }から{ G($level) }になり、{ axis-unit }{ $first }以降そのままである。すべての表現がほぼ同じである。
    .easy = それほど簡単に解ける課題
    .test = 表現のバッチで、各次元の標準偏差を測る。

finding-contrastive-at-chance =
    .explained = 損失が、選択肢となるベクトルの数の対数にとどまる。類似度が小さくスケーリングされすぎてそのソフトマックスが平らであるか、対の両側が対応していない。温度（通常は0.05から0.5）、二重に適用されたソフトマックス、対の作り方を調べる。
    .sentence = { $since ->
        [none] 損失が{ axis-unit }{ $last }まで{ G($level) } = ln { $choices }のままで、バッチによってもほとんど変わらない。どのベクトルも見分けられていない。
       *[other] それまではるかに低かった損失が、{ axis-unit }{ $since }から{ $last }まで{ G($level) } = ln { $choices }のままである。どのベクトルも見分けられなくなった。
    }
    .small-rate = 小さすぎる学習率
    .test = 一つのバッチのロジットを表示する。1より大きく異なるはずである。

finding-auxiliary-loss =
    .explained = 主な損失に加えられた項が、際限なく大きくなったか、急に跳ね上がったか、消えたか、逆の符号で数えられている。その大きさと符号を目的（エキスパートの釣り合い、コードブックの使用、探索）と比べ、それが働きかける対象を表示する。
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
    .jumps = { SIGNAL($signal) }が{ axis-unit }{ $first }で約{ G($before) }から{ G($after) }に跳ね上がり、そのまま戻らない。
    .weight = 意図して変えた、この損失の重み
    .both-sides = このステップの直前と直後で、この項の重みと、その計算のもとになる値を比べる。
    .less-random = ランダムさを減らしたい方策
    .wanted = ボーナスのように、大きくしたい成分
    .sign = 1つのバッチの損失を成分から手で計算し、符号を比べる。
    .test = トークンがエキスパートにどう分けられるか、またはコードブックがどれだけ使われるかを表示する。

finding-loss-scale =
    .explained = 損失のスケールが下がり続ける。十分に小さいスケールがないので、勾配が有限でない理由はその大きさではない。損失の中の0による除算や0の対数を調べるか、bfloat16を使う。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $first }から{ $last }の間に{ G($highest) }から{ G($level) }まで下がり、一度も上がらない。
    .not-finite = どのスケールでも有限でない更新
    .test = それらのステップの一つをfloat32で実行し、有限でない値を探す。

finding-memory-growth =
    .explained = メモリが訓練のどの部分でも増えている。解放すべきもの（多くは計算グラフを伴う損失や出力）を保持している。lossではなくloss.item()を足す。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $first }から{ $last }の間に、約{ G($before) }から約{ G($now) }まで増え続ける。
    .longer-batches = 計画どおりに長くなるバッチ
    .test = 100ステップ離れた二つのステップで、生きているテンソルを数える。

finding-throughput-drop =
    .explained = 訓練の速度が以前の3分の1を下回った。急に落ちたなら、遅いディスク、同じマシンのほかのジョブ、速度を落としたデバイス、長くなったバッチ。次第に遅くなるなら、計算グラフごと残した損失や、ステップごとに探すリストのように、増え続けるものがある。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $first }から、約{ G($usual) }から{ G($level) }に{ $rises ->
        [yes] 上がった
       *[no] 下がった
    }。
    .test = メモリにある一つのバッチで、1ステップの秒数を測る。

# 所見と原因の名前。
term-evaluation-behind = 訓練より悪い評価
term-generator-stands-still = 変わらない生成器
term-discriminator-wins = 識別器の勝ち
term-generator-wins = 生成器の勝ち
term-mode-collapse = モード崩壊
term-posterior-collapse = 事後分布の崩壊
term-kl-explosion = KLの急増
term-entropy-collapse = エントロピーの崩壊
term-reward-falls = 下がる報酬
term-reward-stays = 変わらない報酬
term-reward-hacking = 報酬ハッキング
term-preference-at-reference = 参照モデルのままの損失
term-preference-without-signal = 何も伝えない選好
term-representation-collapse = 表現の崩壊
term-contrastive-at-chance = 偶然の水準の対照損失
term-auxiliary-loss = 補助損失
term-loss-scale = 損失のスケール
term-memory-growth = メモリの増加
term-throughput-drop = 速度の低下
term-discriminator-frozen = 訓練されていない識別器
term-no-gradient = 重みに届かない勾配
term-bootstrap-target = 価値の目標の誤り
term-reward-sign = 報酬またはアドバンテージの符号の誤り
term-reference-is-policy = 方策そのものである参照モデル
term-wrong-targets = 誤った予測対象
term-double-softmax = 平らになったロジット（二重のソフトマックスまたは温度）
term-unbalanced-experts = 釣り合わないエキスパート
term-numerics-in-loss = 値か導関数が有限でない式

evidence-gained = 改善
evidence-planned = 計画
evidence-discriminator_loss = 識別器の損失
evidence-generator_loss = 生成器の損失
evidence-drift_apart = 離れ続けるか
evidence-samples_stand_still = サンプルが変わらないか
evidence-scatter = ばらつき
evidence-kl = KLダイバージェンス
evidence-highest = 最大値
evidence-reconstruction = 再構成
evidence-each = 次までの更新数
evidence-reconstruction_is_flat = 再構成が止まっているか
evidence-reward_rises = 報酬が上がるか
evidence-reward_before = 以前の報酬
evidence-reward = 報酬
evidence-entropy_fell = エントロピーの低下
evidence-rewards_move = 報酬が動くか
evidence-inverted = 逆になっているか
evidence-choices = 選択肢の数

finding-early-standstill =
    .explained = モデルはトークンの頻度だけを学び、その後は何も学んでいない。これほど大きい更新では重みが落ち着かない。学習率を10分の1にし、ウォームアップする。
    .sentence = 検証損失が{ axis-unit }{ $first }から{ $last }まで{ G($level) }のままである。開始時の{ G($start) }から下がった後は、学習率{ G($rate) }ではそれ以上下がらない。
    .unigram = 入力が見えず、頻度だけを学ぶモデル
    .test = 10分の1の学習率で数百ステップ訓練する。損失は下がり続けるはずである。

finding-ranks-alike =
    .explained = すべてのランクの損失または入力が最後の桁まで等しい。同じバッチを読んでいるので、複数のデバイスが1台分の仕事しかしていない。ランクを区別するサンプラーをローダーに渡す。
    .sentence = { SIGNAL($signal) }などが、{ axis-unit }{ $first }から{ $last }まで{ $ranks }個のランクで最後の桁まで等しい。
    .inputs = 比べた{ $steps }ステップのすべて（{ axis-unit }{ $first }から{ $last }まで）で、{ $ranks }個のランクすべてにビットまで同じ入力が渡されている。勾配はランク間で平均される。
    .drawn = 比べた{ $steps }ステップのすべて（{ axis-unit }{ $first }から{ $last }まで）で、{ $ranks }個のランクすべてにビットまで同じ入力が渡されている。勾配はランク間で平均される。乱数（{ $names }）も同じなので、一つのシードですべてのランクの行を選んでいるとみられる。
    .logs = { $ranks }個のランクのログの損失が、{ axis-unit }{ $first }から{ $last }まで最後の桁まで等しい：ログに書く前にランク間で平均したか、すべてのランクが同じデータを読んでいる
    .meant = 記録する前にランク間で平均した損失
    .chance = 同じ行に対してランクごとに別の乱数を使う意図
    .test = 各ランクでバッチの最初のトークンを表示する。

finding-ranks-drawing-alike =
    .explained = データ並列訓練のすべてのランクが同じ乱数を使っている。ドロップアウト、ノイズ、データ拡張がどのランクの行にも同じように働き、ランク間の平均で打ち消される分が減る。すべてのランクに同じシードを与える訓練は多く、それで問題ないことも多い。ランクごとに別の乱数にするには、モデルを作った後でシードにランクを加える。
    .model = { $ranks }個のランクすべてが同じ乱数を使っている：比べた{ $steps }ステップのすべて（{ axis-unit }{ $first }から{ $last }まで）で、モデルが乱数を引くときの{ $names }の状態が等しい。ドロップアウトやノイズがすべてのランクで同じになる。
    .loop = { $ranks }個のランクすべてが同じ乱数を使っている：比べた{ $steps }ステップのすべて（{ axis-unit }{ $first }から{ $last }まで）で、モデルを呼ぶ前にループが乱数を引くときの{ $names }の状態が等しい。そこで行うデータ拡張はすべてのランクで同じになる。
    .meant = すべてのランクで意図して共有しているシード
    .layers = どの層を飛ばすかなど、すべてのランクで同じでなければならない選択
    .parts = 各ランクがバッチ全体を引き、自分の分だけを取る方法
    .test = 同じステップの後に、各ランクでtorch.rand(1)を表示する。

finding-both-sides-win =
    .explained = 生成器の損失は識別器がすべてを本物とみなすことを示し、識別器の損失はそうでないことを示す。両立しないので、どちらかの損失のラベルが入れ替わっている。生成サンプルのラベルをそれぞれ確かめる。
    .sentence = { SIGNAL($generator) }は{ axis-unit }{ $first }以降{ G($level) }になり、{ SIGNAL($discriminator) }は開始時の{ G($others_start) }より低い{ G($others) }である。二つは矛盾する。
    .smoothing = 生成サンプルではほとんど訓練されていない識別器
    .test = 本物と生成サンプルに対する識別器の平均出力を表示する。

finding-policy-ratio-one =
    .explained = 方策の確率が更新前と常に同じなので、比は常に1で、クリッピングが働かない。行動を選んだときの対数確率を保持せず、現在の方策で計算し直している。
    .sentence = { SIGNAL($signal) }が{ axis-unit }{ $last }までの{ $points }点すべてでちょうど0であり、方策が変わっているのに比が一度もクリップされない。
    .one-pass = バッチごとに1回だけの更新（比は当然1になる）
    .test = バッチの最後の更新での平均の比を表示する。1からずれているはずである。

finding-reference-differs =
    .explained = 最初の更新の前には方策と参照モデルが等しいので、報酬は0、損失はln 2である。ここでは大きく異なり、参照モデルが別のモデルである（読み込まれていない重み、別のチェックポイント、別のテンプレート）。最初のステップの前に、一つのバッチで両者の対数確率を比べる。
    .sentence = { axis-unit }{ $first }で{ SIGNAL($signal) }がすでに{ G($reward) }、損失が{ G($loss) }である。方策と参照モデルは等しいはずである（0とln 2）。
    .later = 最初の更新のかなり後から始まるログ
    .test = 最初の更新の前に、一つのバッチで方策と参照モデルの対数確率を表示する。

term-early-standstill = 早い停滞
term-ranks-alike = 同じデータを読むランク
term-ranks-drawing-alike = 同じ乱数を使うランク
term-both-sides-win = 両者の勝ち
term-policy-ratio-one = 常に1の比
term-reference-differs = 別の参照モデル
term-rank-disagreement = ランクの分岐
term-stale-probabilities = 計算し直された古い確率
term-reference-mismatch = 別のモデルである参照モデル
term-class-imbalance = 一つのクラスへの偏り
