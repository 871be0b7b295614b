# What is said of each kind of finding.

# 軸の単位。次の文が使う。
axis-unit = { $axis ->
    [epoch] エポック
    [tokens] トークン
    [seconds] 秒
   *[step] ステップ
}

# 層または信号の名前。最初のいくつかだけを書く。
names-and-more = { $names }{ $more ->
    [0] { "" }
   *[other] 、ほか{ $more }個
}

# 名前が数字の層と重み。
layer-of-kind = 層{ $name }（{ $kind }）
weight-of-kind = { $name }（{ $kind }）
layer-number = 「{ $name }」
layer-signal = { $layer }の{ SIGNAL($signal) }

# 計画された変更のすぐ後の所見。
planned-finding = { $finding }（計画された変更：{ axis-unit }{ $step }から「{ $text }」）

# 所見のステップで変わったもの。
changed-finding = { $finding }{ $changes }
changes-found = その時またはその直前に変わったもの：{ $changes }。{ $looked ->
        [0] { "" }
       *[other] ほかの{ $looked }個の信号（{ $groups }）は変わっていない。
    }
changes-none = 調べた信号（{ $groups }の{ $looked }個）は、その時にもその直前にも変わっていない。
changes-of_inputs = 入力
changes-of_targets = 予測対象
changes-of_loss = 損失の形
changes-of_state = 状態
changes-of_setting = 設定
changes-of_column = ログの列
changes-of_evaluation = 評価
change = { SIGNAL($signal) }{ $how ->
        [state] { "" }
        [rising] が{ G($before, digits: 3) }から{ G($value, digits: 3) }に上昇中
       *[number] が{ G($before, digits: 3) }から{ G($value, digits: 3) }に
    }（{ $after ->
        [none] { $lasts ->
            [once] { axis-unit }{ $step }だけ
            [a-while] { axis-unit }{ $step }から{ $last }まで
           *[stays] { axis-unit }{ $step }から
        }
       *[other] { axis-unit }{ $after }と{ $step }の間
    }{ $how ->
        [lowered] 。下げるだけで損失が上がることはない
       *[other] { "" }
    }）

finding-spike =
    .explained = 損失が、通常のばらつきを大きく超えて傾向から上に外れ、その後戻った。それまでに学んだものを失った可能性がある。スパイクの前からリプレイし（newllm replay）、どの変更でスパイクがなくなるかを確かめる。
    .sentence = { SIGNAL($signal) }が{ $sudden ->
        [yes] { G($base) }から{ G($peak) }に急上昇した（傾向から外れ始めたのは{ axis-unit }{ $onset }、ピークは{ axis-unit }{ $step }）。
       *[no] { axis-unit }{ $onset }より前の水準{ G($base) }から、{ axis-unit }{ $step }の{ G($peak) }まで上がった。
    }{ $outcome ->
        [recovered] { axis-unit }{ $back }までに元の水準に戻った
        [partly] { axis-unit }{ $back }より後は{ G($level) }の水準まで下がっている
        [new-plateau] その後、より高い水準に落ち着いた
        [at-the-end] 実行はそこで終わっている
       *[diverged] その後、元の水準に戻らない
    }。傾向を超えた分は合計{ G($cost, digits: 3) }である{ $scheduled ->
        [yes] （学習率スケジュールの再開位置と一致する）
        [regular] （同じようなスパイクが等間隔に現れている）
        [resumed] 。ログがそこで前のステップに戻って同じステップをたどり直しており、訓練はそこで再開されている
       *[no] { "" }
    }。
    .balance = 相手が追いついたこと。損失は0から始まって負になり、ほぼ0に戻っている（criticの損失に見られる）
    .harder-data = 難しいデータの区間（バッチがシャッフルされていない場合）
    .other-evaluation = 前後と異なるデータまたは設定での評価
    .single-batch = 一つの不良バッチ（モデルへの影響は残らない）
    .lost-at-resume = 再開時に失われた、または変わったもの（オプティマイザのモーメント、スケジュールやデータの位置）
    .changed-setting = ログに現れない設定の変更または再開
    .test = 逸脱前のチェックポイントから、同じバッチと小さい学習率でリプレイし、次に逸脱した区間のバッチを除いてリプレイする。
    .while-running = 訓練の実行中に検出された。

finding-diverged =
    .explained = 損失が傾向から上に外れたまま戻らない。それ以降の訓練は役に立たない。その前のチェックポイントに戻り、一度に一つだけ変えてリプレイする。
    .lost = { SIGNAL($signal) }は{ axis-unit }{ $lowest }に{ G($low) }まで下がったが、{ $end }までに元の高さに戻り、その後は{ G($now) }にとどまっている（最初は{ G($start) }だった）。学んだことが失われた。

finding-slow-divergence =
    .explained = 訓練損失が、到達した最良値から長い時間をかけてゆっくり上昇している。個々のステップには現れない。最良のチェックポイントと最後のチェックポイントを同じデータで評価し、最良のほうから小さい学習率で続ける。
    .sentence = { SIGNAL($signal) }が、{ axis-unit }{ $first }前後の水準{ G($best) }から、{ $last }までに{ G($now) }の水準へ、急変なしに上昇した。
    .harder-data = データが途中から難しくなった（シャッフルされていない場合）
    .regularisation = 強くなっていく正則化
    .test = 最良のステップと最後のステップの重みを、同じデータで評価する。

finding-loss-drop =
    .explained = 訓練損失が一時的に傾向を大きく下回った。その間のバッチがやさしすぎる（反復する文、損失に数えられたパディング）か、そこで学んだものがまた失われた。まず、それらのステップのバッチを読む。
    .sentence = { SIGNAL($signal) }が{ G($base) }から下がって{ axis-unit }{ $lowest }で{ G($low) }になり、{ $last }の後は再び高い。
    .no-targets = 予測対象のないバッチ（すべてパディング）
    .seen-text = すでに訓練に現れた文章
    .test = これらのステップのバッチを読む。

finding-two-levels =
    .explained = あるステップから、一部のバッチの損失がほかよりはるかに高く、その中間はほとんどない。それまではどのバッチも同じだった。そこからデータの一部が別の方法で用意されている（ラベル、マスク、データ拡張、新しいデータ源）。
    .sentence = { axis-unit }{ $first }から損失が二つの水準に分かれた。バッチの{ PERCENT($share) } %は約{ G($high) }、ほかは約{ G($low) }である。それまでは一つの水準だった。
    .other-data = そこから混ぜられた、より難しい二つめのデータ源
    .test = それぞれの水準から、隣り合う二つのバッチを読む。入力、予測対象、施された前処理を比べる。

finding-periodic-batches =
    .explained = 訓練損失が等間隔で高くなる。k個ごとのバッチが悪いか、kステップごとに何かがモデルを乱している。それらのステップのバッチを読み、kステップごとにほかに何が起きるかを調べる。
    .sentence = 訓練損失が{ $every }{ axis-unit }ごとに高くなる（{ $first }から{ $count }回）{ $height ->
        [none] { "" }
       *[other] 。周囲の損失の約{ G($height, digits: 2) }倍である
    }。
    .first-of-epoch = 各エポックの最初の値だけ、一つ多いバッチの和を同じ数で割っている（訓練ではなく、ログの書き方による）
    .source = 複数のデータ源の一つが悪く、順番に現れる
    .state = その周期でモデルが乱される（オプティマイザの作り直し、チェックポイント、評価）
    .test = そのうち3ステップのバッチを前後のバッチと並べて読む。そのステップの前後で、決まったバッチを評価する。

finding-plateau =
    .explained = 損失が最初から最後までほとんど下がっていない。何も学習していない。まず一つのバッチだけで訓練する。設定が正しければ、その損失はほぼ0になる。
    .sentence = { SIGNAL($signal) }が{ axis-unit }{ $first }から{ $last }まで約{ G($level) }のままである{ $at_uniform ->
        [yes] （一様な推測と同じ水準、ln V = { G($uniform) }）
       *[no] { "" }
    }。{ $whole ->
        [yes] { $learnt ->
            [yes] ただし{ SIGNAL($measure) }は{ G($was) }から{ G($is) }に上がった。
           *[no] 何も学習していない。
        }
       *[no] その後、{ PERCENT($fall) } %低下した。
    }
    .chance = { COUNT($updates) }回の更新の後も損失は{ G($level) }である（{ COUNT($classes) }クラスの当てずっぽうなら{ G($guess) }）。正しく答えているのは予測対象の{ PERCENT($right) } %で、ほとんど何も学んでいない。
    .unlearnable = クラスについてほとんど何も語らない入力
    .learnt-before = すでに学習済みのモデルから訓練を始めた
    .small-rate = ステップ数に対して学習率が小さすぎる
    .test = 一つのバッチだけで訓練する。設定が正しければ、損失はほぼ0になる。

finding-worse-than-uniform =
    .explained = 損失がln V（V個のトークンをすべて同じ確率とみなすモデルの損失）を超えている。何も知らないモデルより悪く、確信をもって間違えている。超えたステップと、予測対象の作り方をまず調べる。
    .sentence = { SIGNAL($signal) }が、{ $points ->
        [1] { axis-unit }{ $first }で、
       *[other] { axis-unit }{ $first }から{ $last }までの{ $points }点で、
    }{ $vocabulary }トークンの一様な推測（ln V = { G($uniform) }）より悪い。最大は{ G($worst) }である。
    .other-units = 損失が合計、スケーリング、または正則化されており、1トークンあたりのnatではない
    .test = ロジットがすべて0のモデルを評価する。その損失はln Vになるはずである。

finding-worse-than-untrained =
    .explained = 損失が、訓練前のモデルの損失を超えている。訓練によって、訓練しないより悪くなった。超えたステップを調べ、その前からやり直す。
    .sentence = { SIGNAL($signal) }が、{ $points ->
        [1] { axis-unit }{ $first }で、
       *[other] { axis-unit }{ $first }から{ $last }までの{ $points }点で、
    }訓練前のモデル（{ G($untrained) }{ $inferred ->
        [yes] 、最初の数点からの推定
       *[no] { "" }
    }）より悪い。最大は{ G($worst) }である。
    .trained-before = 訓練済みのモデルから始めたため、最初の値はその損失である
    .test = 最初のステップより前のモデルを、同じデータで評価する。

finding-bad-start =
    .explained = 最初の損失が、百万個のトークンを同じ確率とみなすモデルの損失より大きいか、最初の数回の更新の後の値よりはるかに大きい。モデルが、確信をもって間違えた状態から始まっている。最後の層と埋め込みの、初期値の大きさを調べる。
    .sentence = 最初の損失が{ G($loss) }であり、ln 1,000,000 = { G($largest) }を超える。{ axis-unit }{ $half }までに半分になった。
    .far = 最初の損失が{ G($loss) }であり、最初の数回の更新の後の値（{ axis-unit }{ $there }で{ G($level) }）の{ COUNT($times) }倍である。出力が予測対象から遠く離れた状態から始まっている。
    .not-scaled = スケーリングされていない入力または予測対象
    .outputs = 最初のステップの前に、入力、予測対象、出力の平均と標準偏差を表示する。
    .other-units = 損失が合計またはスケーリングされており、1トークンあたりではない
    .test = 最初のステップの前に、ロジットの標準偏差を表示する。1程度か、それより小さいはずである。

finding-dominated-part =
    .explained = 損失のほかの項が課題自体の項をはるかに上回り、課題がほとんど学ばれていない。勾配の大きさがそろうように各項に重みをつけ、それぞれを記録する。
    .sentence = { $part }は損失の小さな部分でしかなく、残りがその{ G($times, digits: 2) }倍である。実行全体での低下は{ PERCENT($fall) } %である。
    .unlearnable = このデータからは学べない課題
    .test = ほかの項の重みを0にして訓練する。それで課題が学ばれるなら、その重みが大きすぎる。

finding-impossible-loss =
    .explained = 損失が取りうる値を下回っている。際限なく下がるか、分類の損失なのに0を下回る。符号が逆の項がある、対数確率でないものが対数確率として渡されている、予測対象が範囲外である、のどれかである。
    .sentence = 損失が{ G($first) }から{ G($last) }になり、{ axis-unit }{ $step }から0を下回る{ $bottomless ->
        [yes] 。しかも、ますます速く下がっている
       *[no] 。分類の損失ではありえない
    }。
    .function = 損失が{ G($first) }から{ G($last) }になり、{ axis-unit }{ $step }から0を下回っている。{ $function ->
        [ctc] CTC損失は0を下回らない。目標値に空白（blank=の指定がなければ番号0）が含まれているか、対数確率でないものが渡されている。
       *[binary] 二値クロスエントロピーは0を下回らない。目標値が0から1の範囲を外れている。
    }
    .accuracy = 正解率が{ PERCENT($accuracy) } %なのに、{ SIGNAL($signal) }が{ G($loss) }である。不正解1つの損失はln 2以上なので、不正解の分だけで{ G($floor) }になるはずである。
    .density = 連続値の確率密度による尤度（際限なく大きくなりうる）
    .whole = テキスト全体または別のデータについての正解率、または重み付きの損失
    .divided = ログの際にもう一度割られた損失（バッチの大きさ、またはバッチ平均なのに行数で割った）
    .by-hand = 一つのバッチの損失と正解率を、ロジットから手で計算する。
    .test = 一つのバッチの損失を項ごとに手で計算し、どの項が0を下回るかを調べる。

finding-not-finite =
    .explained = 損失または勾配がNaNか無限大である。その更新を受けた重みは失われる。その前のチェックポイントに戻り、バッチに有限でない値がないかを確かめながら、そのステップをfloat32で実行する。
    .sentence = { SIGNAL($signal) }が、{ $of }点のうち{ $count }点で有限でない。最初は{ axis-unit }{ $first }である{ $before ->
        [none] { "" }
       *[other] （直前の値は{ G($before) }）
    }。{ $to_the_end ->
        [yes] 最後まで有限に戻らない。
       *[no] { "" }
    }
    .begun = { SIGNAL($signal) }が、{ $of }点のうち{ $count }点で有限でない。最初は{ axis-unit }{ $first }である{ $before ->
        [none] { "" }
       *[other] （直前の値は{ G($before) }）
    }。{ $to_the_end ->
        [yes] 最後まで有限に戻らない。
       *[no] { "" }
    }{ axis-unit }{ $since }では、{ $lost ->
        [none] すべての層で勾配が有限でない。
       *[other] { $lost }の勾配が有限でなく、{ $kept }の勾配は有限である。その間で起きている。
    }
    .scaler = 損失スケーラーによるスケールの調整
    .nothing-yet = 平均を取る値がまだないうちに表示された平均
    .no-target = 予測対象のないバッチ（0/0）
    .test = バッチに有限でない値がないかを確かめながら、そのステップをfloat32でリプレイする。

finding-over-fitting =
    .explained = 訓練損失が下がり続ける一方で、検証損失が上昇に転じた。モデルは訓練文を暗記している。検証損失が最良のチェックポイントを使う。文を増やすか、モデルを小さくするとよい。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $first }で最良（{ G($best) }）となり、その後約{ G($rise, digits: 3) }上昇した。{ $training_fell ->
        [yes] その間、訓練損失は下がった。
       *[no] { "" }
    }
    .surer = 大半は正解のままで、少数の予測対象についてますます確信をもって間違えている（正解率を見る）
    .never-trained = 訓練に一度も現れないトークン（損失をトークンの種類ごとに分ける）
    .test = 同じステップ数で、より多くの文章で訓練する。過学習なら小さくなり、ほかの原因なら変わらない。

finding-validation-rises =
    .explained = 検証損失が上昇しているが、その間に訓練損失は下がっていない。訓練データを学び続けたための上昇ではないので、過学習ではない。検証損失が最良のチェックポイントを残し、その後に訓練と評価で何が変わったかを調べる。
    .sentence = { SIGNAL($signal) }は{ axis-unit }{ $first }で最良（{ G($best) }）となり、その後約{ G($rise, digits: 3) }上昇した。{ $training ->
        [rose] その間、訓練損失も上がった。
        [stood] その間、訓練損失は変わらなかった。
       *[unknown] 比べられる訓練損失はない。
    }
    .test = 最良のステップと最後のステップの重みを、検証データと、訓練データの決まった一部で、同じコードで評価する。

finding-validation-gap =
    .explained = 最初の評価から、それまでに学んだことでは説明できないほど、検証損失と訓練損失が食い違っている。訓練前のモデルの損失はどちらでも同じはずなので、二つの測り方や準備が異なるか、一方の読む行が少なすぎてデータ全体を表していない可能性がある。訓練のバッチを評価と同じコードで評価し、それぞれが読む行を数える。
    .sentence = 検証損失が最初の評価で{ G($validation) }であり、その時点の訓練損失は約{ G($training) }である。終わりでも訓練損失の{ G($later, digits: 2) }倍である。これだけでは理由は分からない。二つの測り方や準備が異なるか、一方が少しの行しか読んでいない可能性がある。
    .within = { axis-unit }{ $step }で検証損失は{ G($validation) }、訓練損失は約{ G($training) }である。この時点ではどのデータもまだ一度しか読まれていない。終わりでも訓練損失の{ G($later, digits: 2) }倍である。これだけでは理由は分からない。二つの測り方や準備が異なるか、一方が少しの行しか読んでいない可能性がある。
    .never = 検証損失が{ G($low) }から{ G($high) }の間にあり、訓練開始時の損失{ G($start) }をほとんど下回らない。訓練損失は{ G($training) }まで下がっている{ $new ->
        [yes] （最初の評価は、どのデータもまだ一度しか読まれていない第1エポック内である）
       *[no] { "" }
    }。訓練で学んだことが、検証には役立っていない。
    .scaled = 何も学ばないうちから検証損失が訓練損失の{ FIXED($times, digits: 0) }倍であり、その後は同じように下がる。二つの単位が異なる（合計と平均、勾配累積のステップ数で割った損失など）。
    .chosen = 最初の評価で検証損失は{ G($validation) }、訓練損失は約{ G($training) }である。評価では{ COUNT($many) }個から、訓練では{ COUNT($few) }個から選んでおり、それだけで同じくらいの差になる。
    .other-text = 訓練とは種類の異なる検証用の文章
    .trained-before = 訓練済みのモデルから始めた実行
    .test = 訓練のバッチをいくつか、評価のコードで評価する。訓練損失と同じ値になるはずである。

finding-training-above-validation =
    .explained = 訓練損失が検証損失を大きく上回ったまま終わっている。ドロップアウトやデータ拡張のほか、合計された損失、スケーリングされた損失、別の軸で計算された損失でもそうなる。訓練のバッチを評価のコードで評価してみる。
    .sentence = 訓練損失が{ G($training) }、検証損失が{ G($validation) }で終わっており、{ FIXED($times, digits: 1) }倍である。
    .expected = 訓練損失が{ G($training) }、検証損失が{ G($validation) }で終わっており、{ FIXED($times, digits: 1) }倍である。考えられる理由：{ $because }
    .augmented = 訓練だけに働く、意図した強いドロップアウト、データ拡張、ラベル平滑化
    .dropped = 訓練だけに働くドロップアウト（{ PERCENT($share) } %）、データ拡張、ラベル平滑化
    .summed = 訓練損失が{ $parts }の合計であり、検証損失はそのうちの一つだけである
    .per-row = 更新の{ COUNT($rows) }行にわたる和である訓練損失（検証損失はその平均）
    .share = 検証の値が損失ではなく誤りの割合であること（どの評価も1 / { $cases }の倍数である）
    .scaled = 単位の違い（合計と平均など）。どの評価でも同じ倍率である
    .other-measure = 測っているものの違い。訓練が始まったばかりの時から{ FIXED($times, digits: 1) }倍だった
    .soft = 混合または平滑化された目標。そのエントロピー（{ G($entropy) } nat）より損失は下がらない
    .noisy = 訓練の目標値に含まれるノイズ（バッチごとの損失が同じくらいばらつく）で、検証の目標値にはないもの
    .running-mean = 学習損失の移動平均。損失そのものより遅れて下がる
    .test = 訓練の一つのバッチを、評価モードで、評価のコードで評価する。残る差は、損失の計算方法にある。

finding-unsteady-validation =
    .explained = 検証データは同じなのに、検証損失が評価のたびに、学習で下がりうる幅の大半にあたるほど上下する。評価に含まれる乱数と、正規化層に保存された統計量を調べる。
    .sentence = { $count }回の評価で、検証損失が{ G($low) }と{ G($high) }の間を上下する（訓練開始時の損失は{ G($start) }）。
    .small = 数サンプルしかない検証データ
    .order = 訓練データが種類の順に並んでいて、新しい種類を学ぶたびに前の種類を忘れる
    .test = 同じ重みを2回評価する。値は一致するはずである。次に、訓練データを評価のコードで評価する。

finding-squashed-outputs =
    .explained = モデルはほとんど正解しているのに、損失が、ソフトマックスを2回かけた場合の下限にある。損失には、ソフトマックスをかけていないロジットを渡す。
    .sentence = 損失が{ G($loss) }のままである。{ $classes }クラスでソフトマックスを2回かけると、損失は{ G($floor) }より下がらない{ $accuracy ->
        [none] { "" }
       *[other] 。正解率は{ PERCENT($accuracy) } %である
    }。
    .smoothing = 独自の下限をもつラベル平滑化
    .test = モデルの出力をクラスについて合計して表示する。1であれば、ロジットではなく確率である。

finding-too-good =
    .explained = 検証データでも損失がほぼ0である。予測すべきものがモデルに見えている。予測対象が一つずれているか、マスクが欠けていないか、入力に答えが含まれていないかを確かめる。
    .sentence = 訓練損失が{ G($training) }、検証損失が{ G($validation) }natで、{ axis-unit }{ $step }までにほぼ0になった。これほど予測できる文章はない。
    .low = { axis-unit }{ $step }までに、訓練損失は1トークンあたり{ G($training) }、検証損失は{ G($validation) }ナットまで下がる。これだけの語彙では、よいモデルでもコードで約1、文章で2以上が残る。
    .one-answer = コピーや計算など、答えが一つに決まる課題
    .test = 入力の最後のトークンを変える。それより前の出力は変わらないはずである。次に、予測対象が入力を一つずらしたものかを確かめる。

finding-stale-evaluation =
    .explained = 重みは動いているのに、異なるステップの評価がまったく同じ値である。古い重みか、保存された結果を見ている。重みのノルムと並べて、評価をやり直す。
    .sentence = { SIGNAL($signal) }が{ axis-unit }{ $first }で{ G($value, digits: 10) }であり、{ $last }でも同じ値である（{ $times }個連続）。通常の変化量は{ G($usual, digits: 3) }である。
    .equal-as-printed = 二つの値が、表示桁数では偶然等しい
    .skipped-update = 更新がスキップされ、モデルが変わらなかった
    .logged-twice = 同じ値が2回記録された
    .test = 後の時点でもう一度評価し、両方の時点で重みのノルムを表示する。

finding-repeated-loss =
    .explained = ばらつくはずの訓練損失が、まったく同じ値を繰り返している。記録か訓練ループが同じ値を書き続けている。まず、重みが動いているかを確かめる。

finding-changed-state =
    .explained = 二つの更新の間に、オプティマイザでも順伝播でもない何かが、重み、モーメントまたはバッファ（バッチ正規化の統計量など）を変えた。更新の直後と次の更新の直前でビットのチェックサムが一致しないか、更新では届かないほど重みが動いている。そこで書き込むもの（読み込まれたチェックポイント、クランプ、重みの平均、別のオプティマイザ）を探す。
    .sentence = { axis-unit }{ $step }の更新の前に、オプティマイザ以外の何かが、少なくとも{ $what }を変えた（{ $layers }）{ $times ->
        [one] { "" }
       *[other] { $regular ->
            [yes] 。規則的に、全部で{ COUNT($times) }回起きている
            [regular-seen] 。規則的に起きており、{ COUNT($times) }回観測された
            [seen] 。{ COUNT($times) }回観測された
            [evaluated] 。評価のたびに、全部で{ COUNT($times) }回起きている
            [evaluated-since] 。それ以後の評価のたびに、全部で{ COUNT($times) }回起きている
           *[no] 。全部で{ COUNT($times) }回起きている
        }
    }。
    .earlier = { $said }{ axis-unit }{ $at }には、{ $layers }層すべてのノルムが{ axis-unit }{ $as_at }ごろの値になっている。以前の状態を読み込むとこうなる。
    .watched = { $said }テンソルは順番に調べており、ここで調べたのは{ PERCENT($watched) } %なので、すべてが変わった可能性もある。
    .written = { axis-unit }{ $before }と{ $step }の間に、オプティマイザ以外の何かが{ $whole ->
        [yes] { "" }
       *[no] { $layer }の
    }重みに書き込んだ。その前後でノルムが{ G($norm) }から{ G($grown) }になった。この間の{ $updates }回の更新では、どの更新も測った更新の3倍の長さだとしても{ G($bound) }しか変わらない。
    .jumped = { axis-unit }{ $after }と{ $step }の間に、{ $whole ->
        [yes] { "" }
       *[no] { $layer }の
    }重みのノルムが{ G($norm) }から{ $is_lost ->
        [yes] 数として表せない大きさ
       *[no] { G($grown) }
    }になった。その間の{ $updates }回の更新で動けるのは、多くても{ G($bound, digits: 2) }である。オプティマイザ以外が重みを変えている。
    .weights_changed = 重みのテンソル{ COUNT($count) }個
    .frozen_changed = 固定したテンソル{ COUNT($count) }個
    .moments_changed = オプティマイザのモーメント{ COUNT($count) }個
    .buffers_changed = バッファ{ COUNT($count) }個
    .loaded = 途中で読み込まれた重みまたはオプティマイザのチェックポイント
    .evaluation = 評価が別の重み（平均した重み、枝刈りした重み、チェックポイントの重み）に差し替えたまま、モデル自身の重みに戻していない
    .by-hand = 重みに直接書き込むコード（クランプ、再初期化、平均した重みの差し替え）
    .other-optimizer = 同じ重みに対する別のオプティマイザ、またはLookaheadのようなラッパー
    .memory = メモリのビット反転、またはバッファの範囲を越えて書き込むカーネル
    .test = 重みを読み込む箇所、コピーする箇所、クランプする箇所のすべてにprintを入れてもう一度記録し、この二つの更新の間にどれが動くかを見る。

finding-renewed-optimizer =
    .explained = ループが、エポックのたびなどに、オプティマイザを繰り返し作り直している。モーメント（Adamの平均、SGDのモーメンタム）はそのたびに空から始まり、スケジュールも始めに戻る。オプティマイザはループの前で一度だけ作る。後から訓練するパラメータはadd_param_groupで加える。
    .sentence = { axis-unit }{ $first }から{ $last }の間に、オプティマイザが新しいものに{ $times }回置き換わった。間隔はおよそ{ COUNT($each) }更新で、それまでに蓄えたモーメントはそのたびに失われている。
    .on-purpose = 低ランクの手法や再始動を行う手法のように、モーメントを意図して初期化している
    .test = オプティマイザをループの前で一度だけ作り、この区間のいくつかで損失を比べる。

finding-frozen-statistics =
    .explained = 重みがすべて固定された層が訓練モードで動いているため、その統計量（バッチ正規化の平均と分散など）が更新され続けている。事前訓練された部分が、ステップごとに少しずつ別の関数になる。固定した層は評価モードにする。
    .sentence = 重みを固定した{ COUNT($count) }層で、統計量が動いている（{ $layers }、{ axis-unit }{ $first }から{ $last }まで）
    .train = 固定した部分もまとめて訓練モードにするmodel.train()の呼び出し
    .meant = 意図して、重みを固定したまま統計量だけを新しいデータに合わせている
    .test = ループの中で該当する層のmodule.trainingを表示する。model.train()のたびに、その層のeval()を呼ぶ。

finding-ranks-apart =
    .explained = 一つのモデルを共に訓練するプロセスの間で、重みまたはモーメントのビットが一致しなくなった。そこからは各ランクが別のモデルを訓練し、先頭のランクのログにはそのランクのモデルしか現れない。一つのランクだけで動く処理、勾配を共有しない処理を探す。
    .columns = { SIGNAL($signal) }などが、等しいはずなのに{ axis-unit }{ $first }から{ $last }まで{ $ranks }個のランクの間で{ PERCENT($spread, digits: 2) } %異なる。
    .sentence = { $equal ->
        [none] { axis-unit }{ $step }で
       *[other] { axis-unit }{ $equal }と{ $step }の間に
    }ランクどうしの値が一致しなくなった：ランク{ $ranks }で、{ $part ->
        [weights] パラメータ{ COUNT($count) }個
       *[other] オプティマイザのモーメント（パラメータ{ COUNT($count) }個分）
    }が異なる（{ $parameters }）{ $again ->
        [yes] 。後で再び一致する
       *[no] {""}
    }。
    .not-wrapped = ラッパーの内側のモデルを呼び、勾配を共有しないステップ
    .hooks = フックを失ったラッパー（包んだ後に移動、変換、固定解除されたモデル）
    .transfer = プロセス間の通信で失われたデータ
    .update = 一つのランクだけで行われる更新、クリップ、重みへの書き込み
    .meant = 意図して、各ランクを独立に訓練している
    .test = 更新の直前に、該当するパラメータの勾配を全ランクで比べる。異なれば共有されておらず、同じなら更新が異なる。

finding-rank-outlier =
    .explained = 訓練の一つのランクだけが、ほかのすべてと異なる：損失が数でない、単独で跳ね上がる、ほかの損失が下がる間も下がらない、勾配がゼロまたはほかの何倍も大きい、一つのバッチを繰り返し読んでいる、あるいは全員で分けるはずのものと異なるバッチを読んでいる。ランク間の平均はこれを隠す。そのランクが読んでいるものを調べる。
    .not-a-number = { axis-unit }{ $first }でランク{ $rank }の損失が数でなくなった。ほかのランクの損失はまだ数である（{ G($others) }）{ $for_good ->
        [yes] 。それ以降はどのランクの損失も数でない
       *[no] {""}
    }
    .jump = { axis-unit }{ $first }でランク{ $rank }だけが水準から外れた：その損失は{ G($own) }、ほかのランクの損失は{ G($others) }。その後すべてのランクに現れる変化は、ここから始まっている
    .gradient-jump = { axis-unit }{ $first }でランク{ $rank }の勾配が{ G($own) }、ほかのランクの勾配は{ G($others) }である。その後、すべてのランクの損失が水準から外れる
    .zero-gradient = ランク{ $rank }から勾配が来ていない：{ axis-unit }{ $first }から{ $last }までノルムがゼロで、ほかのランクでは{ G($others) }である
    .large-gradient = ランク{ $rank }の勾配は、ほかのランクの{ G($ratio, digits: 2) }倍である（{ G($own) }に対して{ G($others) }、{ axis-unit }{ $first }から{ $last }）。すべての更新をこのランクが決めている
    .stays = ランク{ $rank }の損失は{ axis-unit }{ $first }から{ $last }まで{ G($own) }のままで、ほかのランクの損失は{ G($others) }まで下がっている
    .memorised = ランク{ $rank }の損失は{ axis-unit }{ $last }までに{ G($own) }、ほかのランクの損失は{ G($others) }になる：同じ行を何度も読むランクのように、自分の行を丸暗記している
    .same-batch = ランク{ $rank }には、比べた{ COUNT($steps) }ステップのすべてでビットまで同じ入力が与えられている。ほかのランクはそうではない
    .other-batches = ランク{ $rank }が取り出すバッチは、遅くとも{ axis-unit }{ $first }から、ランク{ $than }のものと異なる（{ COUNT($compared) }回の比較のうち{ COUNT($steps) }回）：それぞれが別のバッチの一部を計算するので、二度読まれる部分と、どのランクも読まない部分がある
    .row = そのランクだけが読んだ壊れた行またはバッチ
    .device = 誤った計算をするデバイスまたはマシン
    .masked = 行にターゲットがない、またはパラメータが固定されている、切り離されているランク
    .targets = 入力に対応しないターゲット：シャッフルされた、ずれた、または別のファイルのもの
    .weighted = そのランクだけで重みづけ、倍率、合計の仕方が異なる損失
    .harder = 予測できないシャード：雑音、またはほかと異なるデータ
    .small = バッチが一つか数個しかないシャード
    .easier = はるかに予測しやすいシャード：パディング、繰り返しのテキスト
    .other-order = そのランクだけで異なるシード、順序、またはデータ中の位置
    .memory = 書いたものをそのまま返さないメモリまたはディスクを持つマシン
    .test = そのランクのバッチを、ターゲットとともに文字や画像で表示する。同じ重みで、ほかのランクのバッチに対するそのランクの損失を調べる。二つのランクのシャードを入れ替える：シャードについて残るものは、データのものである。
    .test-order = そのステップのバッチ全体を両方のランクで文字として表示し、取り出すのに使ったシードとステップも調べる。

finding-rank-stopped =
    .explained = 一つのランクのログが、ほかより先に終わっている。先に終わるのは、たいてい停止したかハングしたランクで、ほかのランクはそれを待っている。そのマシンと、そのランクが最後に書いた行を調べる。
    .sentence = ランク{ $rank }のログは{ axis-unit }{ $last }で終わり、ほかのランクのログは{ $others }まで続いている
    .buffer = プロセスが終わったときに、まだバッファにあった最後の行
    .writes = ログの間隔が長いランク
    .own-end = データがほかより先に終わったランク
    .test = そのランクの出力の終わりと、マシンのログを調べる（メモリ不足、デバイスのエラー）。torchrunは、最初に失敗したプロセスを示す。

finding-straggler =
    .explained = 訓練の一つのプロセスが、ほぼすべての更新でほかより長く計算し、全員がそれを待っている。複数のプロセスは、最も遅いプロセスの速さになる。訓練の誤りではなく、時間の損失である。
    .sentence = ランク{ $rank }の計算時間はほかの{ G($ratio, digits: 2) }倍で、時間を測った{ COUNT($steps) }回の更新のうち{ COUNT($slowest) }回で最も遅い（{ axis-unit }{ $first }から{ $last }）。全員がこれを待っている
    .busy = そのランクのマシンまたはデバイスで、別のプログラムが動いている
    .hardware = デバイスが遅い、熱い、速度を抑えられている、またはコアが少ない
    .rows = そのランクの計算が多い：行が長い、または最初のランクだけが行う処理がある
    .test = そのランクのマシンの負荷とクロックを調べる。二つのランクの場所を入れ替える：場所について残る遅さは、マシンのものである。

finding-hang =
    .explained = 訓練の一つのプロセスが、ほかのプロセスが待つところに来なかったか、別のところに来た。そのときプロセスが何をしていたかを調べる：停止させられた、ディスクやドライバーが応答しない、ロックやデータローダーを待っている、全ランクが通るとは限らない分岐に入った。
    .sentence = { $said }{ $count ->
        [1] {""}
       *[other] 。このような待ちは{ COUNT($count) }回目である
    }{ $past ->
        [yes] 。その後再開され、このステップを越えた
       *[no] {""}
    }
    .missing = ランク{ $rank }{ $more ->
        [0] {""}
       *[other] （ほか{ COUNT($more) }個）
    }が{ $collective ->
        [none] ほかのランクのところ
       *[other] { $collective }
    }に来ず、{ COUNT($waiting) }個のランクが待っている（{ axis-unit }{ $step }の後、{ G($seconds, digits: 6) }秒以上）。{ $state ->
        [stalled] { $place ->
            [none] そのランクがいた場所はわからない
           *[other] そのランクは{ $place }にいた
        }
        [ended] そのランクは{ axis-unit }{ $last }の後に記録を終えていた
        [failed] そのランクは{ axis-unit }{ $last }の後に{ $error }で{ $place ->
            [none] {""}
           *[other] { $place }から
        }抜けていた
       *[silent] そのランクは何も書き込んでいない：強制終了された、停止している、Pythonの外の呼び出しから戻らない、または記録していない
    }{ $recorded ->
        [yes] {""}
       *[no] 。全ランクの環境変数にTORCH_FR_BUFFER_SIZE=2000を設定すれば、次回はどの集団通信かがわかる
    }
    .apart = 各ランクが別々の集団通信で待っている：ランク{ $rank }は{ $collective }（{ $place ->
        [none] 場所は不明
       *[other] { $place }
    }）、ランク{ $other }は{ $others }（{ $at ->
        [none] 場所は不明
       *[other] { $at }
    }）。{ axis-unit }{ $step }の後、{ G($seconds, digits: 6) }秒以上ステップが進んでいない
    .together = 全ランクが{ $collective }に来たが、{ axis-unit }{ $step }の後{ G($seconds, digits: 6) }秒たっても終わっていない。ネットワーク、デバイス、通信ライブラリを調べる
    .places = { axis-unit }{ $step }の後、{ G($seconds, digits: 6) }秒以上ステップが進んでいない。各ランクがいた場所：{ $places }。{ $recorded ->
        [yes] 集団通信で待っているランクはなく、遅い処理の可能性がある
       *[no] どのランクが待たれているかはわからない。全ランクの環境変数にTORCH_FR_BUFFER_SIZE=2000を設定すれば、次回はわかる
    }
    .stopped = 停止させられたプロセス（デバッガー、SIGSTOP）、またはスリープしたマシン
    .disk = 終わらない読み書き：サーバーが応答しないネットワークファイルシステム
    .device = 応答しないGPU、ドライバー、または通信ライブラリ
    .code = そのランクだけで待っているコード：ロック、データローダーのワーカー、ほかのランクが通らない分岐
    .slow = 遅かっただけのランク：待つ長さはNEWLLM_HANG_SECONDSで決まる
    .long = ジョブが終わったときに遅かっただけのランク：長い評価、スナップショット、コンパイル
    .branch = 集団通信や逆伝播の前後で、一つのランクだけが通る分岐（if rank == 0、飛ばされるバッチ）
    .uneven = バッチの数が違うランク、またはモジュールを別の順序で呼ぶランク
    .groups = 二つのグループの集団通信を、ランクごとに違う順序で始めている
    .test = もう一度実行し、プロセスがあるうちに調べる。py-spy dump --pid PIDで場所が、psの状態で停止中（T）かディスク待ち（D）かがわかる。
    .apart-test = 両方の場所で、集団通信の前にランクを表示する。グループの全ランクは、同じ集団通信を同じ順序で行わなければならない。

# グループの全ランクが一緒に行うことと、そのグループでの番号。
collective = { $group ->
    [all] 全ランク
   *[other] グループ{ $group }
}の{ COUNT($number) }番目の{ $operation }{ $tensors ->
    [none] {""}
   *[other] （{ $tensors }）
}

finding-skipped-updates =
    .explained = ステップは数えられたが、更新が行われていない。混合精度では、勾配がオーバーフローしたステップを損失スケーラーが飛ばす。そのスケールを表示し、オプティマイザ自身のステップ数を数える。
    .sentence = { $steps }ステップのうち{ $skipped }ステップで更新が行われていない（{ axis-unit }{ $first }から{ $last }まで）。
    .by-another = 記録しているオプティマイザは{ $steps }ステップのうち{ $skipped }ステップで更新していない（{ axis-unit }{ $first }から{ $last }まで）が、重みは動いている。別のものが重みを更新している。
    .by-another-test = モデルを訓練しているオプティマイザをnewllm.recordに渡す。
    .scaler = スケールを探している損失スケーラー
    .accumulation = 勾配の累積（逆伝播のたびにステップとして記録した場合）
    .test = 損失スケーラーのスケールを表示するか、オプティマイザ自身のステップ数を数える。
    .periodic = { $period }ステップごとにしか更新が行われていない。勾配の累積と同じ形である。
    .stepped-rarely = 誤って呼び出しが少なすぎるオプティマイザ
    .periodic-test = 更新1回につき1回、オプティマイザのステップの後でrecorder.stepを呼ぶ。そうすれば、この注記は出なくなる。

finding-constant-accuracy =
    .explained = 損失は動いているのに、正解数がいつも同じ（n個中k個）である。正解率は、文末など一つのことだけを測っている。どのクラスを予測し、どの予測対象に正解しているかを数える。
    .sentence = { SIGNAL($signal) }が、{ axis-unit }{ $first }から{ $last }までの{ $times }回の評価すべてで{ $of ->
        [none] { G($accuracy) }
       *[other] { $of }個中{ $right }個
    }である。その間に{ SIGNAL($loss) }は{ PERCENT($moved) } %動いた。この正解率は、学習したことを何も測っていない。
    .same-answer = すべてに同じ答えを返している
    .small-count = 数が少なすぎて変わらない
    .test = 予測されたクラスの種類を数え、どの予測対象に正解しているかを調べる。

finding-one-predicted-class =
    .explained = すべてに対して同じ一つのクラスを予測している。正解率はそのクラスの割合でしかない。ほかのことを読み取る前に、その割合と比べる。
    .sentence = { $of }回の評価のうち{ $count }回で、すべてに対して一つのクラスを予測している（{ axis-unit }{ $first }から{ $last }まで）。
    .hardly-begun = 訓練が始まったばかりである
    .mostly-one-class = データの大半が一つのクラスである
    .test = 正解率を、最も多いクラスの割合と比べる。

finding-evaluation-in-training-mode =
    .explained = モデルが訓練モードのまま評価された。ドロップアウトやバッチ統計が結果に影響している。評価の前にmodel.eval()を呼んで比べる。
    .sentence = { $count }回の評価が訓練モードで行われた（{ axis-unit }{ $first }から{ $last }まで）。{ $matters ->
        [yes] 結果にドロップアウトやバッチ統計が影響している。
       *[no] このモデルには訓練モードで動作の変わる層がない（モデル自身がモードを調べる場合を除く）。
    }
    .part-of-training = 訓練の一部である、勾配なしの順伝播
    .test = model.eval()の後にもう一度評価して比べる。

finding-label-frequency =
    .explained = 損失がトークンの出現頻度のエントロピーにとどまっている。モデルは各トークンの頻度だけを覚え、前の文脈を使っていない。入力と予測対象が正しく対応しているかを確かめる。
    .sentence = 訓練損失が{ FIXED($loss, digits: 3) } natにとどまっている。トークンの頻度だけで得られる値（{ FIXED($entropy, digits: 3) }）と同じで、前の文脈からは何も学習していない。
    .young = 訓練の初期である（多くの実行は、この停滞を通り過ぎる）
    .silent-inputs = 入力に情報がない
    .test = 入力と予測対象の組をシャッフルする。損失が変わらなければ、入力は使われていない。
    .accuracy = { $of }個の予測のうち{ $right }個が正解で、訓練で最も多いトークンが検証に現れる割合（{ PERCENT($share, digits: 1) } %）とまったく同じである。正解率は、そのトークンだけを測っている。
    .other-tokens = ほかのトークンに正解し、割合は偶然同じである
    .accuracy-test = 予測されたトークンを数え、正解をトークンごとに数える。

finding-perplexity-mismatch =
    .explained = パープレキシティが、同じステップの損失の指数になっていない。一方の平均のとり方が違うか、単位がビットである。両方を、同じnatの合計とトークン数から計算する。
    .sentence = { SIGNAL($signal) }が、{ $of }ステップのうち{ $wrong }ステップで{ SIGNAL($loss) }の指数になっていない。対数の差は{ SIGNED($difference, digits: 3) } natである{ $unit ->
        [bits] （損失の単位はビットである）
        [digits] （損失の単位は十進の桁である）
       *[none] { "" }
    }。
    .averaged = バッチごとのパープレキシティが平均されている（平均損失のパープレキシティより大きくなる）
    .other-term = 一方にだけ含まれる項がある（平滑化、正則化、パディング）
    .test = 両方を、同じ評価のnatの合計とトークン数から計算する。

# "sentence"は2026-12より前のファイルだけが使う。
finding-accumulation-scale =
    .explained = 勾配が、1回の更新に使う逆伝播の回数に比例して大きい。勾配の累積で、平均すべきところを合計しているため、更新がその倍数だけ大きすぎる。損失を逆伝播の回数で割る。
    .sentence = マイクロバッチが平均されず、合計されている。{ $shows_in ->
        [loss] { "" }
       *[other] 勾配ノルムが逆伝播の回数に応じて変わる（ノルムの比は{ FIXED($norm_ratio, digits: 2) }、回数の比は{ FIXED($passes_ratio, digits: 2) }）。
    }{ $shows_in ->
        [both] また、
       *[other] { "" }
    }{ $shows_in ->
        [norm] { "" }
       *[other] 更新1回あたり{ FIXED($passes) }回の逆伝播で、最初の損失がln Vの{ FIXED($loss_over_uniform, digits: 2) }倍である。
    }
    .summed = マイクロバッチが平均されず、合計されている。{ $shows_in ->
        [loss] { "" }
       *[other] 更新1回あたりの逆伝播が{ FIXED($more) }回のとき、勾配ノルムは{ FIXED($fewer) }回のときの{ FIXED($norm_ratio, digits: 1) }倍である。
    }{ $shows_in ->
        [both] また、
       *[other] { "" }
    }{ $shows_in ->
        [norm] { "" }
       *[other] 更新1回あたり{ FIXED($passes) }回の逆伝播で、最初の損失がln Vの{ FIXED($loss_over_uniform, digits: 2) }倍である。
    }
    .meant = 意図した合計（学習率がそれに合わせてある）
    .test = 一つの大きいバッチによる更新と、それを分割した更新を1回ずつ行う。勾配ノルムは一致するはずである。

finding-gradient-carried =
    .explained = 勾配が消されていない。どの更新も、それ以前の勾配をすべて繰り返すか、別の損失の勾配を含んでいる。各更新の逆伝播の直前にoptimizer.zero_grad()を呼ぶ。
    .sentence = { $count }回の更新の前に{ $part ->
        [yes] 一部のパラメータの勾配が消されていない（ほかの勾配は消されている）
       *[no] 勾配が消されていない
    }（{ axis-unit }{ $first }から{ $last }まで）。どの更新も、それ以前の勾配を繰り返している。
    .grows = 勾配ノルムが{ G($first) }から約{ G($later) }まで増え（{ axis-unit }{ $step }で最初の2倍）、点ごとの変化は{ PERCENT($change, digits: 1) } %しかない。一つのバッチの勾配ではなく、それまでの全バッチの勾配の合計がこのように動く。
    .of-others = { $count }回の更新（{ axis-unit }{ $first }から{ $last }まで）の勾配が、二つの損失のものである。別のネットワーク（actorや生成器など）の更新の逆伝播がこのモデルを通って重みに勾配を残し、このモデル自身の損失の逆伝播の前に消されていない。
    .both = その損失からこのモデルも意図して学習している
    .of-others-test = このモデルのoptimizer.zero_grad()を、自身の損失の逆伝播の直前に呼び、勾配ノルムを比べる。
    .on-purpose = 意図して複数の更新にわたり合計した勾配
    .test = optimizer.step()のたびにoptimizer.zero_grad()を呼び、勾配ノルムを比べる。

finding-no-gradient =
    .explained = 勾配が重みに届いていない（ノルムがちょうど0）。切り離されているか、固定されているか、積の両側の重みが0から始まっている。逆伝播を1回行い、各重みの勾配を表示する。
    .sentence = 勾配ノルムが{ $count }点すべてでちょうど0であり、何も学習していない。
    .never-seen = { $count }回の更新のどれでも、逆伝播が重みに届かず、重みはまったく動いていない。
    .since = { axis-unit }{ $step }から、オプティマイザが持つ重みに逆伝播が一度も届かず、重みも動いていないが、更新は呼ばれ続けている。
    .cleared = 勾配を消した後にノルムを測っている
    .another = 記録しているモデルとは別のコピーが訓練されている
    .test = 逆伝播を1回行い、どの重みに勾配があり、そのうちどれが0でないかを表示する。

finding-cleared-gradient =
    .explained = 逆伝播は勾配を残すのに、オプティマイザが読むときにはなく、何も学習しない。backward()とstep()の間にzero_grad()があるか、step()がbackward()より前にある。正しい順序は、zero_grad()、順伝播、backward()、step()。
    .sentence = オプティマイザが読む前に勾配がなくなっている。更新{ $count }回（{ axis-unit }{ $first }〜{ $last }）で、逆伝播が残すノルムは約{ G($usual) }だが、更新時には0である。
    .passes = 更新ごとの逆伝播{ $of }回のうち{ $lost }回の勾配が、オプティマイザが読む前に消されている（{ axis-unit }{ $first }〜{ $last }）。更新は残りだけで行われる。
    .elsewhere = 勾配を自分のコピーから読むオプティマイザ
    .apart = 勾配を調べるためだけに逆伝播を行う手法である
    .test = optimizer.step()の直前に、ある重みの勾配を表示する。勾配はそこにあり、0でないはずである。
    .test-passes = zero_grad()はoptimizer.step()の直後に呼び、同じ更新の後の逆伝播の前では呼ばない。Accelerateのaccumulate()の中では、最後の回にだけ働く。

finding-gradient-explosion =
    .explained = 勾配ノルムが傾向から大きく外れた。クリッピングがなければ、その1ステップで数千ステップ分が失われうる。そのバッチを除いて、また勾配を通常のノルムにクリッピングして、リプレイする。
    .sentence = 勾配ノルムが{ axis-unit }{ $step }で{ G($base) }から{ G($peak) }に上昇した（{ $clipped_to ->
        [none] クリッピングなし
        [unknown] クリッピングされたかどうかはログからは分からない
       *[other] { G($clipped_to) }にクリッピング
    }）。
    .unlike-batch = ほかのどれとも似ていない一つのバッチ
    .scaled-loss = ここから損失のスケールが変わった
    .test = そのバッチを除いてステップをリプレイし、次に勾配を通常のノルムにクリッピングしてリプレイする。

finding-learning-rate-jump =
    .explained = 予定にないところで、学習率が跳ね上がったか、しばらく下がったか、スケジュールが最初から始まっている。その後の異常は、これだけで説明できることがある。このステップの学習率を設定のスケジュールと比べる。
    .sentence = 学習率が{ axis-unit }{ $step }で{ G($before, digits: 3) }から{ G($after, digits: 3) }に急変した{ $factor ->
        [none] { "" }
       *[other] （{ G($factor, digits: 3) }倍）
    }{ $again ->
        [yes] （スケジュールが最初から始まっている）
       *[no] { "" }
    }{ $back ->
        [none] { "" }
       *[other] 。{ axis-unit }{ $back }で元に戻っている
    }{ $resumed ->
        [yes] 。そこで訓練が再開された
       *[no] { "" }
    }。
    .lower = 学習率が{ axis-unit }{ $step }で{ G($before, digits: 3) }から{ G($after, digits: 3) }に下がり（{ G($factor, digits: 3) }倍）、{ axis-unit }{ $back }で元に戻っている。
    .planned = 予定されたスケジュールの再開
    .by-hand = 手動による変更
    .test = このステップの学習率を、設定のスケジュールと比べる。

finding-learning-rate-zero =
    .explained = 訓練が続いているのに学習率が0になっている。重みはもう動かず、その時間は無駄になる。スケジュールが想定するステップ数と、実行のステップ数を比べる。
    .sentence = { $whole ->
        [yes] 実行全体で学習率が0である。
       *[no] { axis-unit }{ $first }から{ $last }まで（実行の{ PERCENT($share) } %）、学習率が0である。{ $gradual ->
            [yes] スケジュールがそこで終わっている（最大は{ G($high) }）。
           *[no] そこで急に0になった（最大は{ G($high) }）。
        }
    }
    .below = 学習率が{ axis-unit }{ $first }から0を下回り、{ G($low) }まで下がる。更新のたびに、学んだことが元に戻される。
    .idle = 学習率は、{ axis-unit }{ $first }から{ $last }まで（実行の{ PERCENT($share) } %）、最高値（{ G($high) }）の千分の一未満であり、最後は{ G($low) }である。重みはほとんど動かず、損失も下がらない。
    .cut = 学習率が、{ axis-unit }{ $first }から{ $every }ステップごとに{ $count }回、{ G($factor, digits: 2) }倍に下げられている。{ axis-unit }{ $low }から{ $last }まで（実行の{ PERCENT($share) } %）は最高値（{ G($high) }）の千分の一未満で、重みはほとんど動かない。
    .cut-test = 学習率を表示し、何がそれを下げているかを確かめる。一度だけのはずの引き下げを、エポックのたびに行っていないか。もっと長い実行のためのスケジュールではないか。
    .idle-test = 学習率と、スケジューラが見ている値を表示する。訓練がまだ改善しているのに下げていないか（上がるべき値を、下がるべきものとして見ていないか）、スケジュールが短すぎないか。
    .groups = 記録された学習率が、固定した重みのグループのものである
    .planned = 評価だけを続けるなど、意図した終わり方
    .test = 最後に、すべてのパラメータグループの学習率と、スケジュールが想定するステップ数を表示する。

finding-warm-up-unfinished =
    .explained = ウォームアップが実行と同じ長さか、ステップで数えるはずのものをエポックごとに進めている。学習率が設定値よりはるかに低いままである。ウォームアップの長さと実行のステップ数を、同じ単位で比べる。
    .sentence = 学習率が{ G($first) }から、最後の{ axis-unit }（{ $end }）の{ G($last) }まで上がり続け、ウォームアップが終わっていない{ $stair ->
        [yes] { $every ->
            [none] 。長い間隔の階段状に変わる。
           *[other] 。{ $every }{ axis-unit }ごとの階段状に変わる。
        }
       *[no] 。損失の低下は{ PERCENT($fall) } %である。
    }
    .below-plan = 学習率は最後の{ axis-unit }（{ $end }）までに最大でも{ G($highest) }で、スケジュールに与えられた最大値（max_lr）{ G($planned) }に届かない。スケジュールがほとんど進められていない。
    .open = 学習率がログのすべての点で一様に上がり、{ G($first) }から、{ axis-unit }{ $end }（{ $epochs }エポックの後）の{ G($last) }になった。ログからは実行の長さがわからない。ここが終わりなら、ウォームアップは終わらなかったことになる。
    .goes-on = 実行がまだ続いており、ウォームアップの途中である
    .planned = よい学習率を探すなど、上げ続けることを意図している
    .test = ウォームアップのステップ数を実行のステップ数で割る。scheduler.step()を、スケジュールの単位に合う位置で呼ぶ。

finding-schedule-turned =
    .explained = 学習率が最小まで下がった後、下がったときと同じように滑らかに上がっている。コサインスケジュールが、終わりを越えて進められている。T_max（想定ステップ数）と、実際に進めた回数を比べる。
    .sentence = 学習率が{ axis-unit }{ $step }で{ G($low) }まで下がり、その後同じように滑らかに上がって、{ $back }で最大（{ G($high) }）の近くに戻った。
    .planned = 意図した周期的なスケジュール
    .test = 1回の更新でscheduler.step()が何回呼ばれるかを数える。1回であるべきである。

finding-resume-jump =
    .explained = 複数の信号が同じステップで急変している。状態の一部を失った再開の後に見られる。オプティマイザのモーメントを含めて同じチェックポイントから再開し、比べる。
    .sentence = ログが途切れて{ axis-unit }{ $step }から再開し、そこで{ $rate_jumps ->
        [yes] 学習率が急変した
       *[no] 損失が{ PERCENT($rise) } %上昇した
    }。
    .resumed = { axis-unit }{ $step }で訓練がチェックポイントから再開され、そこで{ $rate_jumps ->
        [yes] 学習率が急変した
       *[no] 損失が{ PERCENT($rise) } %上昇した
    }。
    .paused = 訓練が再開されたかのように、{ axis-unit }{ $step }の前で時間が途切れ、そこで{ $rate_jumps ->
        [yes] 学習率が急変した
       *[no] 損失が{ PERCENT($rise) } %上昇した
    }。
    .anew = 訓練が再開された{ axis-unit }{ $step }で、オプティマイザが初めからやり直している。モーメントも更新の回数ももっていなかった{ $rate_jumps ->
        [yes] 。学習率もそこで急変した
       *[no] { "" }
    }。
    .on-purpose = 意図して重みだけを引き継いだ
    .updates = { axis-unit }{ $step }で、{ PERCENT($share) } %の層の更新量が直前の{ G($times, digits: 2) }倍になった。勾配は大きくなっていない。
    .other-data = ここからデータが変わった
    .by-hand = 手動による設定の変更
    .test = オプティマイザの状態を含めて同じチェックポイントから再開し、次にその一つ前のチェックポイントから再開する。

finding-second-moment =
    .explained = Adamの二次モーメントが勾配に追いつかず、更新が本来の何倍も大きい。この後にスパイクが起こることが多い。beta2を小さくして（0.95）、またこれらのバッチを除いて、リプレイする。
    .sentence = { $worst }の勾配が、オプティマイザの二次モーメントの想定の{ G($times, digits: 3) }倍である（{ axis-unit }{ $first }から{ $last }まで、層: { $layers }）。更新量も同じ倍率で大きすぎる。
    .test = beta2を小さくして（0.95）リプレイし、次にこれらのステップのバッチを除いてリプレイする。

finding-update-ratio =
    .explained = 重みに対する更新量の比が、大きすぎるか小さすぎる。通常は、重みのノルムの1000分の1程度である。その層の学習率を10倍または10分の1にして、もう一度見る。
    .sentence = { $at_first ->
        [yes] 最初の更新
       *[no] 1回の更新
    }が{ $worst }の重みをノルムの{ G($ratio, digits: 2) }だけ変えており、{ $large ->
        [yes] 大きすぎる
       *[no] 小さすぎる
    }（層: { $layers }、通常は1e-3程度）。
    .start-at-nothing = 意図して0から始まる重み
    .hardly-used = ほとんど使われない層
    .test = { $worst }の学習率を{ $large ->
        [yes] 10分の1
       *[no] 10倍
    }にしてリプレイする。

finding-activation-growth =
    .explained = ある層の出力が増え続け、落ち着いていない。やがてオーバーフローするか、ほかの信号を圧倒する。この位置に正規化か重み減衰を試す。
    .sentence = { SIGNAL($worst) }が{ G($factor, digits: 3) }倍の{ G($last) }まで増大し、まだ続いている（{ $signals }）。
    .stays = { SIGNAL($worst) }が{ G($factor, digits: 3) }倍の{ G($last) }まで増大し、そのままである（{ $signals }）。
    .normalised-later = 次の正規化で取り除かれるスケール
    .test = この位置に正規化か重み減衰を加えてリプレイする。

finding-attention-collapse =
    .explained = ある層のアテンションが一つの位置に集中したか、そのロジットが際限なく大きくなった。勾配による更新では元に戻らない。クエリとキーを正規化し、小さい学習率も試す。
    .sentence = { $layers }のアテンションが崩壊した。{ $worst }の{ $measure ->
        [entropy] 平均エントロピーは{ G($value, digits: 3) } nat
       *[logit] ロジットは最大{ G($value) }
    }である。
    .short-rows = 系列が短く、参照できる位置が一つしかない
    .test = クエリとキーを正規化してリプレイし、次に小さい学習率でリプレイする。

finding-context-growth =
    .explained = 文脈ベクトルが1位置ごとに一定の倍率で増大している。再帰の利得が1より大きい。損失より先に現れる。文脈ベクトルを正規化するか、減衰を1より小さく抑えて、リプレイする。
    .sentence = { $signal ->
        [loop_gain] 文脈ベクトルの変化量
       *[other] 文脈ベクトル
    }が1位置ごとに{ G($factor, digits: 3) }倍に増大している（{ axis-unit }{ $first }から{ EXACT($limit) }を超えている）。{ $lead ->
        [none] { "" }
       *[other] 損失には{ $lead }{ axis-unit }後、{ axis-unit }{ $loss_shows }で現れる。
    }
    .few-positions = 単純に加算され、位置数の少ない文脈ベクトル
    .shorter-rows = 途中から短くなった系列
    .test = 文脈ベクトルを正規化するか、再帰の重みを利得1にスケーリングしてリプレイする。

finding-dead-units =
    .explained = ある層のユニットの大半が、どの入力に対しても0である。何も計算せず、勾配も受けとらない。より大きいバッチでその層を見てから、小さい学習率でリプレイする。
    .sentence = { $worst }のユニットの{ PERCENT($share) } %が、すべての位置で0である（層: { $layers }）。
    .small-batch = バッチが小さく、多くのユニットが偶然働いていない
    .sparsity = 意図したスパース性
    .test = より大きいバッチで同じ層を調べ、その前から小さい学習率でリプレイする。

finding-saturated-gates =
    .explained = ある層のゲートの大半が、全開か全閉である。もはや何も決めておらず、勾配もほとんど受けとらない。その前から小さい学習率で、または初期のバイアスを変えて、リプレイする。
    .sentence = { $worst }のゲートの{ PERCENT($share) } %が、全開か全閉である（層: { $layers }）。
    .bounded = { $worst }の出力がほぼすべて上限か下限にある。-1から1までの値の二乗平均平方根が{ G($share, digits: 3) }である（層: { $layers }）。

finding-below-chance =
    .explained = 評価でモデルは確信をもって、ほぼ必ず間違えている。当てずっぽうより正解が少ないのは、答えを見分けているのに、別の答えを求められているからである。訓練と検証でのクラス番号の付け方と、一つずれた予測対象を調べる。
    .sentence = 検証の正解率が{ PERCENT($share, digits: 2) } %しかない（{ $classes }クラスの当てずっぽうで{ PERCENT($chance) } %）。モデルはクラスを見分けているが、別の答えを求められている。
    .asked-anew = { axis-unit }{ $step }から、訓練で同じ入力に別の答えを求められている。そこでの損失は当てずっぽうより高く、それを学び直した後の検証の正解率は{ PERCENT($share, digits: 2) } %である（最高{ PERCENT($best) } %、{ $classes }クラスの当てずっぽうで{ PERCENT($chance) } %）。
    .fell = { axis-unit }{ $step }から、評価で訓練とは別の答えを求められている。正解率は{ PERCENT($share, digits: 2) } %である（それまでは{ PERCENT($best) } %、{ $classes }クラスの当てずっぽうで{ PERCENT($chance) } %）。
    .other-classes = 訓練になかったクラスが検証に含まれている
    .test = 検証データの予測クラスと正解クラスをいくつか並べて表示する。たいてい、番号の付け替えになっている。

finding-target-scale =
    .explained = 損失が百万の桁にある。目標値がモデルの出力の何千倍もあり、最後の層の出力がそこまで大きくならなければならない。訓練データの平均と標準偏差で目標値を標準化し、報告するときに元に戻す。
    .sentence = 損失が{ G($loss, digits: 3) }から始まる（約{ G($root, digits: 3) }の目標値に相当する）のに対し、{ $layer }の出力は{ G($outputs, digits: 2) }であった。出力は{ G($grown, digits: 3) }まで大きくなったが、損失はまだ{ PERCENT($left) } %残っている。
    .summed = 非常に多くの数の合計である損失
    .test = 一つのバッチの目標値の平均と標準偏差を、出力のものと並べて表示する。

finding-always-clipped =
    .explained = クリッピングが、すべての更新で勾配を元のごく一部に縮めている。外れ値のための閾値が、すべての更新の大きさを決めている。SGDでは、学習率がその分だけ小さいのと同じである。普段のノルムを調べ、それより十分大きい閾値にする。
    .sentence = クリッピングが、すべての更新で勾配を縮めている。普段のノルム{ G($usual, digits: 3) }が{ G($clipped, digits: 3) }になり、{ PERCENT($share, digits: 1) } %しか残らない。
    .logged = ログの{ $points }点のうち{ $count }点で、クリッピングが勾配を縮めている。普段のノルム{ G($usual, digits: 3) }が{ G($clipped, digits: 3) }になり、{ PERCENT($share, digits: 1) } %しか残らない。
    .on-purpose = この大きさの勾配に合わせて学習率が選ばれている
    .test = クリッピングの閾値を普段のノルムの10倍にして、少し訓練する。

finding-quality-lost =
    .explained = 評価で高かった指標が、それ以降ずっと低い。検証損失は上がっていない。学んだことが失われたか、評価が別のものになった。低下する前のチェックポイントを、今のコードで評価する。
    .sentence = { SIGNAL($metric) }が{ axis-unit }{ $at }の{ G($best, digits: 3) }から{ G($last, digits: 3) }に下がり、{ axis-unit }{ $first }以降は低いままである。
    .harder = 意図して難しくした評価
    .test = 低下する前のチェックポイントを、同じコードと同じデータで評価する。良ければ訓練が忘れたのであり、悪ければ評価が変わっている。

finding-reversed-metric =
    .explained = 最も大きい誤差や最も低い正解率が最良とみなされ、最も悪いモデルが残ったり、訓練の終了や学習率の引き下げが早すぎたりする。Trainerは、指標の名前が「loss」で終わらなければ大きい値を良いとみなし（greater_is_better=Falseで変わる）、Lightningは小さい値を良いとみなす（mode="max"で変わる）。
    .sentence = { $metric }の{ $higher ->
        [yes] 最も大きい
       *[no] 最も小さい
    }値が最良とみなされている（{ $by }の{ $trainer ->
        [yes] greater_is_better={ $higher ->
            [yes] True
           *[no] False
        }
       *[no] mode="{ $higher ->
            [yes] max
           *[no] min
        }"
    }）。しかし{ $why ->
        [name] { $higher ->
            [yes] この指標は小さいほど良い
           *[no] この指標は大きいほど良い
        }
       *[loss] { $higher ->
            [yes] この指標は検証損失とともに上下する
           *[no] この指標は検証損失が上がると下がり、下がると上がる
        }
    }。これで最良とされるのは{ axis-unit }{ $kept }のモデル（{ $metric }は{ G($best, digits: 3) }{ $has_loss ->
        [yes] 、検証損失は{ G($loss, digits: 3) }
       *[no] { "" }
    }）であり、{ axis-unit }{ $step }では{ G($other, digits: 3) }{ $has_loss ->
        [yes] 、検証損失は{ G($loss_there, digits: 3) }
       *[no] { "" }
    }だった。
    .meant = 名前とは別のものを測る指標
    .test = { $trainer ->
        [yes] greater_is_better={ $higher ->
            [yes] False
           *[no] True
        }
       *[no] mode="{ $higher ->
            [yes] min
           *[no] max
        }"
    }にする。{ axis-unit }{ $step }のチェックポイントがあれば、それを使う。

finding-metric-unmoved =
    .explained = 損失は下がるのに、評価指標が最初と同じ低さ、または当てずっぽうの値のままである。損失がやさしい課題のもの（答えが入力に含まれる、対象の大半が背景など）か、モデルの一部が何も学習していないか、指標の計算が誤っている。一つの例で両方を手で計算する。
    .sentence = { SIGNAL($metric) }が最後も最初（{ G($first) }）と同じ水準の{ G($last) }であり、同じデータの損失は{ PERCENT($left, digits: 1) } %しか残っていない。二つは同じものを測っていない。
    .half = { SIGNAL($metric) }が{ $count }回の評価で半分のまま（{ G($low) }から{ G($high) }）であり、その間に損失は下がっている。二択なら当てずっぽうと同じである。
    .half-test = モデルのこの部分が何と答え、正解が何であるかを数える。正解がすべて同じでないか、除外されて（ignore_index）いないか、入力から区別できる二つのクラスであるかを確かめる。
    .one-of-two = 多くのクラスの指標であり、半分でも良い値である
    .error = { SIGNAL($metric) }は最初{ G($first) }、最後{ G($last) }で変わらず、同じ{ $count }回の評価で検証損失は{ G($loss, digits: 3) }から{ G($loss_last, digits: 3) }に下がる。二つは同じものを測っていない。
    .error-test = 一つのバッチで両方を手で計算し、予測と正解の形を表示する。(N, 1)と(N,)の差は、N個の誤差ではなく、すべての行の組になる。
    .other-units = 損失とは違う単位（対数でない値など）の誤差であり、少数の大きな正解に左右される
    .waits = 答え全体が正しいかを数える指標であり、最後に上がる
    .test = 一つの例で損失と指標を手で計算する。指標が数えるものを、損失も求めているかを確かめる。

finding-frozen-layer =
    .explained = 訓練しているはずの層が動かない。モデルの一部が初期値のままである。逆伝播の後にその重みの勾配を表示し、オプティマイザに渡されているかを確かめる。
    .sentence = { $layers }（{ $count }層）は{ $why ->
        [asked] 勾配を計算する設定であるが
        [unused] 損失のどこにも使われておらず
       *[not-given] オプティマイザに渡されておらず
    }、まったく動かない。
    .new-head = 最後の層{ $layers }がオプティマイザに渡されておらず、まったく動かない。しかも最初は何も知らなかった（損失は{ $classes }クラスの当てずっぽうと同じ{ G($start) }から始まった）。
    .late = { $layers }（{ $count }層）は、遅くとも{ axis-unit }{ $first }から勾配が計算されているのに、オプティマイザに渡されておらず、まったく動かない。
    .one-by-one = { $layers }は、遅くとも最初の層が{ axis-unit }{ $first }から、最後の層が{ axis-unit }{ $last }から勾配が計算されているのに、オプティマイザに渡されておらず、まったく動かない。
    .for-another = 勾配を更新以外の目的に使っている
    .give = そのパラメータを、最初からすべて、または固定を解くときにoptimizer.add_param_groupで、オプティマイザに渡す。
    .ended = { $layers }（{ $count }層）は{ axis-unit }{ $last }まで動き、その後は固定されている（requires_grad）。
    .begun = { $layers }（{ $count }層）は、初めは固定され（requires_grad）、{ $last ->
        [none] { axis-unit }{ $first }から
       *[other] 最初の層は{ axis-unit }{ $first }から、最後の層は{ $last }から
    }訓練される。
    .unregistered = { $layers }（{ $count }層）は、勾配が計算されているのに訓練されない。モデルがPythonの普通のリストや辞書に入れているため、そのパラメータはmodel.parameters()にもオプティマイザにも、保存されるチェックポイントにも含まれない。
    .register = 層はtorch.nn.ModuleListかModuleDictに（パラメータはParameterListに）入れ、オプティマイザを作り直す。
    .on-purpose = 意図して固定された
    .left-out = オプティマイザのパラメータグループから漏れた
    .unused = 出力が使われていない
    .test = 逆伝播の後に、その重みの一つの勾配を表示する（None、0、または数値）。

finding-vanishing-gradient =
    .explained = 勾配が深さとともに消え、損失から遠い層はほとんど学習しない。最初のステップの勾配ノルムを深さごとに描く。残差接続か大きめの初期化で、勾配を保てる。
    .sentence = { $layers }の勾配がほとんど0である。{ $worst }の勾配は、最大の層の{ E($share) }倍である。
    .zero-branch = 意図して0から始まる層（0で初期化した分岐）
    .test = 最初のステップの{ SIGNAL($signal) }を深さごとに描き、その初期化を大きくして訓練し直す。

finding-vanishing-signal =
    .explained = 層の出力が深さとともに小さくなり、入力がモデルの出口にほとんど届かない。最初のステップの活性値を深さごとに描く。残差接続か大きめの初期化で、信号を保てる。
    .sentence = { $layers }の出力がほとんど0である。{ $worst }の出力は、最大の層の{ E($share) }倍である。

finding-unknown-tokens =
    .explained = 語彙にない語（未知語）が、検証では予測対象になるが、訓練では一度もならない。その損失だけがステップごとに上がり、過学習やスパイクに見える。検証損失をトークンの種類ごとに分けて見る。
    .sentence = 検証の予測対象の{ PERCENT($share) } %が未知語である。{ $training_percent ->
        [none] 訓練には一度も現れない。
       *[other] 訓練では{ G($training_percent, digits: 2) } %である。
    }{ $part_of_loss ->
        [none] { "" }
       *[other] 最後には検証損失の{ PERCENT($part_of_loss) } %を占める。
    }
    .small-vocabulary = 語彙が訓練部分だけから作られて小さい（正しい作り方である）
    .test = 検証損失をトークンの種類ごとに分けるか、未知語を除いて評価する。
    .gap = 検証損失と訓練損失の差{ G($gap, digits: 3) } natのうち{ G($cost, digits: 3) } natは、訓練に一度も現れない予測対象（検証の{ PERCENT($share, digits: 1) } %）による。過学習ではない。
    .gap-test = 同じ文を、未知語を除いて評価する。

finding-never-trained-tokens =
    .explained = 訓練に一度も現れないトークンが、同じ種類の文章で予想されるよりはるかに多く検証に含まれる。トークナイザーが異なる可能性がある。該当するトークンを列挙し、両方を同じトークナイザーで符号化する。
    .sentence = 検証の{ PERCENT($share, digits: 1) } %は、訓練に一度も現れない{ $unit ->
        [word] 語
       *[id] トークン
    }である。この訓練文では{ PERCENT($expected, digits: 1) } %が普通である。
    .test = 該当するトークンを列挙し、両方を同じトークナイザーで符号化して数え直す。

finding-changed-evaluation =
    .explained = 一つの実行の中で、評価に使うデータが変わっている。その前後の損失は比べられない。変わった前後のチェックポイントを、同じデータで評価する。
    .sentence = { axis-unit }{ $step }から、評価が別のデータになっている。予測の数{ $token_class ->
        [none] { "" }
       *[other] （種類「{ $token_class }」）
    }は、それまで{ COUNT($before) }、その後{ COUNT($after) }である。前後の損失は比べられない。
    .batch-left-out = バッチが一つ除かれただけで、ほかは同じデータである
    .test = 変わった前後のチェックポイントを、同じデータで評価する。

finding-data-order =
    .explained = 訓練データの種類が、読む順序に沿って変わっている。ある種類を覚えては別の種類を忘れるため、スパイクのように見える。まず、文書を一度シャッフルする。
    .sentence = 訓練データ内の位置だけから、各トークンについて{ FIXED($nats, digits: 3) } nat（{ FIXED($entropy, digits: 2) }の{ PERCENT($share, digits: 1) } %）の情報が得られる。データはシャッフルされておらず、途中で種類が変わる。
    .by-loss = { $epochs }エポックのどれでも損失が同じように上下し（隣のエポックとの相関は{ FIXED($alike, digits: 2) }）、隣り合うバッチの損失も似ている（{ FIXED($neighbours, digits: 2) }）。データはシャッフルされず、並んだ順に読まれている。
    .by-accuracy = 記録された{ $count }バッチの{ PERCENT($share) } %で、すべて正解か、すべて不正解かのどちらかである。各バッチが一つのクラスだけを含み、データがシャッフルされていない。
    .planned = 意図したカリキュラム
    .single-samples = サンプル一つのバッチ
    .loader = ここで順に並んでいるものを、ローダーがシャッフルする
    .read-test = 最初の10バッチの予測対象を表示する。データをシャッフルして、訓練をやり直す。
    .test = 文書を一度シャッフルして訓練し直し、種類の変わり目での損失を比べる。

finding-leak =
    .explained = 検証データの文書や長い区間が、訓練データにもトークン単位で同じまま含まれる。その部分の損失は記憶を測っている。それらを訓練から除いて、訓練し直す。
    .sentence = 検証の{ $window ->
        [none] 文書
       *[other] トークン（{ $window }トークンのウィンドウ単位）
    }の{ PERCENT($share) } %が、そのまま訓練にもある{ $looked_at_percent ->
        [none] { "" }
       *[other] （調べたのは訓練の{ G($looked_at_percent, digits: 2) } %であり、これは下限である）
    }。{ $repeated ->
        [none] { "" }
       *[other] 訓練自体も{ PERCENT($repeated) } %が重複している。
    }
    .of-this-kind = 同じ内容が繰り返される種類の文章（書式、ライセンス、可能な入力が少ない場合）
    .test = 共通の文書とウィンドウを訓練から除いて訓練し直す。データリークなら損失が上がる。

finding-near-duplicates =
    .explained = 検証データに、訓練データとほとんど同じ文書がある。損失は新しい文章に対するものより低くなる。文書ごとではなく、似た文書のグループごとに分割する。
    .sentence = 比べた検証文書{ $compared }件のうち{ $near }件が、訓練文書のいずれかと{ PERCENT($similar) } %以上似ている（シングルのジャカード係数）。
    .templates = 互いに似た種類の文書（テンプレート、書式）
    .test = 文書ごとではなく、似た文書のグループごとに分割して訓練し直す。

finding-repeated-windows =
    .explained = 訓練文の大部分が重複している。重複したところで損失が下がり、モデルはそれを暗記する。重複を除いて、訓練し直す。
    .sentence = 訓練トークンの{ PERCENT($share, digits: 1) } %が、すでに現れた{ $window }トークンのウィンドウにある（最長で{ COUNT($longest) }トークン連続）。
    .copies = 訓練文書の{ PERCENT($copies) } %が、ほかの文書の複製である。
    .of-this-kind = 同じ内容が繰り返される種類の文章
    .epochs = エポックとして意図して繰り返された文章
    .test = 重複を除いて訓練し直し、重複のあった位置で損失が下がるかを見る。

finding-target-in-input =
    .explained = どの行でも、入力の一つの数値が、予測すべき数値と等しい。モデルはそれを写すだけでよく、答えが入力にないデータについて、損失は何も示さない。入力の切り出し方と、予測対象より前で終わっているかを調べる。
    .sentence = 調べた{ $count }個のバッチのすべてで、入力の一つの数値が目標値と等しい。モデルはそれを写すだけでよい。
    .window = 調べた{ $count }個のバッチのすべてで、各行の目標値の最初の{ PERCENT($share) } %が入力に含まれている。予測に使う区間が、予測すべき区間に入り込んでいる。
    .on-purpose = 意図的に答えを入力に含めた課題
    .test = 入力の一行を目標値と並べて表示し、その中に目標値を探す。

finding-padding-counted =
    .recorded = 損失に数えられている予測対象の{ PERCENT($share) } %は、短い文章の端を埋めるパディングである。予測しやすいため、損失と正解率は文章そのものでの値よりよく見える。
    .explained = パディングが予測対象に数えられている。予測しやすいため、損失が文章そのものの損失より低くなる。パディングには、損失が無視する番号を与える。
    .sentence = パディングが検証の{ PERCENT($share) } %を占め、{ $counted ->
        [yes] 評価に数えられている
       *[no] 予測対象に含まれている（損失に数えられていれば、損失は低すぎる）
    }。{ $loss ->
        [none] { "" }
       *[other] 損失{ FIXED($loss, digits: 3) } natは、実際のトークンでは最大{ FIXED($loss_without, digits: 3) } natになる。
    }
    .text = パディングに見えるものが文章である
    .left-out = 数には含まれるが、損失からは除かれている
    .test = パディングの予測対象に、損失が無視する番号を与えて、もう一度評価する。

finding-parameters-per-token =
    .explained = トークン数に対してパラメータ数が非常に多く、訓練文を暗記できる。それ自体は誤りではない。検証損失だけで判断し、10分の1の大きさのモデルと比べる。
    .sentence = { COUNT($parameters) }個のパラメータが{ COUNT($tokens) }トークンから学習する（1トークンあたり{ COUNT($ratio) }個）。訓練部分を暗記でき、訓練損失からはほとんど何も言えない。
    .classifier = 分類器は1例につきラベルが一つで、データの大部分は入力である
    .test = 10分の1の大きさのモデルか、10倍の文章で訓練し、検証を比べる。

finding-small-validation =
    .explained = 検証データが、読み取ろうとすることに対して小さすぎる。損失の信頼区間が広い。二つのモデルを比べる前に、別の文書の10倍のトークンで評価する。
    .sentence = 検証の予測は{ $predictions }個である{ $documents ->
        [none] { "" }
       *[other] （{ $documents }文書）
    }。{ $best_loss ->
        [none] { "" }
       *[other] 最良の損失{ FIXED($best_loss, digits: 3) } natの誤差は約±{ FIXED($half_width, digits: 2) }であり、それより小さい差に意味はない。
    }
    .shared-tokens = 一つの実行の評価は同じトークンで行われるため、曲線の形は水準より確かである
    .test = 別の文書の10倍のトークンで評価するか、別の分割で訓練して比べる。

finding-validation-shift =
    .explained = トークンの頻度から見て、検証データは訓練データと種類が異なる。検証損失が示すのは、その別の種類に対する性能である。意図したものでなければ、文書をシャッフルして分割し直す。
    .sentence = 一つのトークンだけで、訓練と検証のどちらにあるかの{ PERCENT($share) } %がわかる。二つは種類が異なる。
    .on-purpose = 意図して異なる種類にした検証データ
    .test = 両方を同じトークナイザーで符号化し、シャッフルした文書を分割し直して訓練する。

finding-repeated-batch =
    .explained = ある区間の更新が、すべて同じバッチか、以前に現れた行で行われている。ほかの区間では新しい行を読んでいる。ループかローダーが同じデータを繰り返し返している。そこでのイテレータ、終端の処理、行の選び方を調べる。
    .sentence = { axis-unit }{ $first }から{ $last }までの更新は、すべて{ $whole ->
        [yes] 同じバッチ（全行が一致）
       *[no] 以前に現れた行
    }で行われた。
    .blank = { axis-unit }{ $first }から{ $last }まで、各バッチのすべての行が同一である（入力が空の場合など）。
    .cycle = { axis-unit }{ $first }から、同じ{ $period }個のバッチが繰り返されている。それまでに読んだ{ $rows }行のうち、多くても{ PERCENT($share) } %であり、ほかの行は二度と現れない。
    .few = 訓練全体が、同じ{ $period }個のバッチ（{ $rows }行）を同じ順に繰り返すだけである。評価は{ $evaluated }行で行われている。
    .echo = どのバッチも、最初から最後まで続けて{ $times }回ずつ現れる。ローダーの{ $times }個のワーカーが、それぞれデータ全体を読んでいると思われる。
    .on-purpose = 同じ行を意図的に丸暗記させている
    .several-updates = 一つのバッチで意図的に何度も更新している
    .few-test = データを減らすものを探す。Lightningのoverfit_batches、デバッグのために残ったスライスや部分集合など。
    .echo-test = 各バッチの先頭の行を出力する。IterableDatasetなら、torch.utils.data.get_worker_info()で行をワーカーに分け、ワーカー一つの訓練と比べる。
    .cycle-test = 各バッチの先頭の行を出力する。評価のたび、エポックのたび、またはデータセットの中で、乱数生成器のシードを繰り返し設定していないかを調べる。
    .test = この区間の前後で、各バッチの先頭の行を出力する。

finding-trained-validation =
    .explained = 評価に使った行が、以前の訓練に使われていた（数値が完全に一致）。その分の検証損失は実際には訓練損失であり、未知のデータについては何も示さない。データの分割方法と、分割前に複製されたものを調べる。オーバーサンプリングは分割の後に行う。
    .sentence = { axis-unit }{ $step }の評価に使った{ $count }行は、すべて以前の訓練に使われていた（数値が完全に一致）。
    .part = 検証データの{ PERCENT($share, digits: 2) } %（{ $count }行のうち{ $part }行）が訓練に使われている（数値が完全に一致）。検証の結果は、未知のデータでの結果よりよく見える。
    .small-world = 同じ行が偶然現れるほど種類の少ないデータ
    .on-purpose = 訓練データでの評価を、意図的に検証として記録している
    .test = 訓練の前に、訓練データと検証データに共通する行を数える。

finding-evaluation-inputs =
    .explained = 評価のときと訓練のときで、モデルに入力される数値が異なる。平均や標準偏差、またはトークンの並びの差が、バッチ間のばらつきを超えている。両方の前処理（正規化、スケール、チャネルの順序、語彙）を比べる。
    .sentence = 入力の平均と標準偏差は、訓練では{ G($mean, digits: 2) }と{ G($std, digits: 2) }、評価では{ G($other_mean, digits: 2) }と{ G($other_std, digits: 2) }である。
    .tokens = 評価で読む文章は、訓練とトークンの並びが異なる。隣り合うトークンの組のうち最初の更新と異なるものは、評価では{ PERCENT($share) } %、訓練のバッチでは{ PERCENT($own) } %である。損失は最初の評価から訓練より高い。
    .new-tokens = 評価で読む文章は、訓練とトークンの並びが異なる。隣り合うトークンの組のうち、それまでのどの更新にもなかったものは、最初の評価では{ PERCENT($share) } %、訓練の新しい文章では{ PERCENT($own) } %である。どの評価も、当て推量よりよくない。
    .augmentation = 訓練だけに強いデータ拡張やノイズが働いている
    .other-data = 検証データが、意図的に別の種類や後の時期のものになっている
    .test = 同じ一つの例を両方の前処理に通し、モデルへの入力を比べる。
    .test-tokens = 一つの文章を訓練と評価それぞれの方法で符号化し、番号を比べる。検証用の文章から語彙を作ると、同じ語が別の番号になる。

finding-changed-inputs =
    .explained = あるステップから、モデルに入力される数値が急に変わり、そのまま戻らない。そこでデータに何が起きるかを調べる（前処理が二重に働く、元のデータを書き換える、働かなくなる、別のデータ源に切り替わる、語彙を作り直すなど）。
    .sentence = { axis-unit }{ $step }から、入力の平均と標準偏差は{ G($other_mean, digits: 2) }と{ G($other_std, digits: 2) }になった。それまでは{ G($mean, digits: 2) }と{ G($std, digits: 2) }だった。
    .alike = { axis-unit }{ $step }から、バッチの行の{ PERCENT($share, digits: 2) } %がまったく同じである。それまではすべて異なっていた。
    .tokens = { axis-unit }{ $step }から、文章のトークンの並びが変わった。隣り合うトークンの組のうち、最初と異なるものは、それまで{ PERCENT($before) } %、その後は{ PERCENT($after) } %である。
    .drift = 訓練の入力が少しずつ変わっている。標準偏差が{ G($first, digits: 2) }から{ G($last, digits: 2) }になったのに、評価の入力では{ G($other, digits: 2) }のままであり、損失が再び上がっている。前処理やデータ拡張の効果が、エポックごとに積み重なっている。
    .test-drift = データセットの同じ例を、最初のエポックの前と2番目のエポックの後に出力する。元の配列を書き換えるデータ拡張（メモリを共有するtorch.from_numpy、x += noiseなど）は、データそのものを変える。
    .test-tokens = このステップの前後の文章を一つずつ、番号と文字の両方で出力する。語彙が変われば、同じ語が別の番号になる。
    .on-purpose = 計画されたカリキュラムやデータの切り替えである
    .test = このステップの前後で、前処理の各段階でのバッチの平均を出力する。

finding-input-axes =
    .explained = 入力の形は正しいのに、数値の並ぶ場所が誤っている。どの行も複数の行やチャンネルが混ざり、隣り合うべきものが隣にない。たいていは、transposeやpermuteの代わりにreshapeやviewを使っている。モデルに渡す直前の入力を一つ、画像として見る。
    .sentence = 入力の軸が混ざっている。{ $distance }個離れた数値が隣どうしのように似ており（相関{ G($apart, digits: 2) }）、形の上で隣になる1行離れた数値は似ていない（{ G($below, digits: 2) }）。transpose（permute）の代わりにreshape（view）を使っている。
    .periodic = データそのものがこの間隔で繰り返す
    .test = モデルに渡す直前の入力を一つ図示する。行と列の画像(H, W, C)を(C, H, W)にするのはpermute(2, 0, 1)であり、reshapeではない。

finding-outlier-batch =
    .explained = 一つのバッチの数値がそれまでのすべてのバッチから大きく外れ、まさにその更新で損失が上がった。壊れたファイル、欠損値に入れた値、正規化されていないバッチなどである。該当する行を探し、直すか除く。
    .sentence = ステップ{ $step }の更新の入力は、それまでのすべての更新から大きく外れている（{ $what }が{ G($usual, digits: 3) }ではなく{ G($value, digits: 3) }）。損失はそこで{ G($before, digits: 3) }から{ G($loss, digits: 3) }になる{ $more ->
        [0] { "" }
       *[other] （同様の更新がほかに{ $more }回ある）
    }。
    .rare = まれにそのような値を正しく含むデータである
    .test = このバッチの最小値と最大値、およびそれらを含む行を出力する。

finding-one-class-batches =
    .explained = 各バッチの予測対象が少数のクラスに偏り、次のバッチでは別のクラスになる。訓練データがラベルの順に並んでいるか、ラベルごとにまとまっている。モデルは一つのクラスを学んでは、別のクラスを忘れる。データをシャッフルする。
    .sentence = 予測対象が{ $count }個のバッチに、{ $total }クラスのうち{ G($classes, digits: 2) }クラスしか含まれない。シャッフルされていれば{ G($expected, digits: 2) }クラスになるはずである。
    .on-purpose = クラスを意図的に順に学習させている（継続学習）
    .test = 最初の三つのバッチの予測対象を出力する。

finding-changed-targets =
    .explained = 同じ入力が、現れるたびに別の予測対象と組になっている。予測対象が入力に対応していない。どちらか一方だけがシャッフルされているか、毎回作り直されている。
    .sentence = { $count }個の入力が再び現れ、そのうち{ PERCENT($share, digits: 2) } %は、以前と違う予測対象と組になっていた（{ axis-unit }{ $first }から）。
    .since = { axis-unit }{ $first }から{ $ended ->
        [yes] { $last }まで
       *[no] { "" }
    }、再び現れた{ $count }個の入力のうち{ PERCENT($share) } %が、以前と違う予測対象と組になっている。それまでに再び現れた{ $known }個では、ほとんど変わっていなかった。
    .test-since = そのステップの前と後で、いくつかの入力と予測対象を出力し、そこから予測対象を読み込むもの、または作るものを調べる。
    .on-purpose = 予測対象を意図的に作り直している（クラスタリングや教師モデルのラベル）
    .test = データセットの先頭の入力と予測対象を、二つのエポックで出力する。

finding-target-shift =
    .explained = 系列モデルが、入力のトークンそのもの、または二つ先のトークンを予測させられている。予測対象は入力を一つだけずらしたものである。ずらし忘れも、二重のずらしも誤りである。
    .sentence = 予測対象の{ PERCENT($share, digits: 1) } %は、{ $shift ->
        [0] 入力の同じ位置のトークンである
       *[other] 二つ先のトークンである（ずらす処理が二重に働いている）
    }。
    .told = 予測対象の{ PERCENT($share, digits: 1) } %が、モデルに与えられた系列の同じ位置のトークンであり、その位置の出力はそのトークンに依存している。デコーダーは答えを見せられている。
    .on-purpose = { $shift ->
        [0] 入力を復元するモデルである（オートエンコーダー、ノイズ除去）
       *[other] 二つ先のトークンを予測するためのヘッドである
    }
    .test = 入力の最初の10トークンと、その予測対象を並べて出力する。

finding-loss-form =
    .explained = 損失の勾配が、誤りを含む損失の勾配とすべての数値で一致する。softmaxかsigmoidが一つ多いか、対数が抜けているか、ロジットに活性化関数がかかっているか、形の異なる出力と目標値がブロードキャストされ、総当たりで比べられている。cross_entropyにはロジットを、nll_lossには対数確率を、mse_lossには同じ形の二つのテンソルを渡す。
    .sentence = 損失の勾配は、{ $form ->
        [softmax-twice] softmaxを二重に適用したときのものである（出力はすでに確率だが、損失はロジットとして扱っている）
        [sigmoid-twice] sigmoidを二重に適用したときのものである（出力はすでに確率だが、損失はロジットとして扱っている）
        [log-softmax-missing] 予測対象の出力に負号を付けただけのものである（損失はロジットを対数確率として扱っている）
        [softmax-over-batch] クラスではなくバッチの行についてのsoftmaxの勾配である（確率の和は、各クラスについてバッチ全体で1になり、行ごとには1にならない）
        [broadcast] 各出力を自分の目標値ではなくバッチのすべての目標値と比べたときのものである（[N, 1]の出力と[N]の目標値がブロードキャストされ、総当たりで比べられている）
        [rectified] 0未満にならないロジットのものである（どのバッチでも最小値がちょうど0であり、ReLUを通した後のようである）
        [relu-on-logits] モデルの出力と交差エントロピーの間にReLUがあるときのものである（0未満の出力には勾配が届かない）
        [sigmoid-on-logits] sigmoidを通したロジットの交差エントロピーのものである（0から1の間の値では、あるクラスが確実だとは言えない）
        [tanh-on-logits] tanhを通したロジットの交差エントロピーのものである（-1から1の間の値では、あるクラスが確実だとは言えない）
        [dropout-on-logits] 一部がランダムにちょうど0にされたロジットの交差エントロピーのものである（最後の層の後にドロップアウトがあるときのようである）
       *[other] 予測対象の確率に負号を付けただけのものである（対数が抜けている）
    }。
    .on-purpose = 意図的にこの形にした損失である
    .test = newllm.check(model, optimizer, loss, batch) は、損失の形を最初のステップの前に示す。
    .test-shape = 損失を計算する箇所で出力と目標値の形を表示する。同じでなければならない。

finding-single-target =
    .explained = 予測対象がすべて同じで、出力のバイアスのほかには何も学べない。言語モデルではたいてい、損失のマスクが逆で、パディングが数えられ、本文が除かれている。バッチの予測対象と、そのうちどれが損失に数えられるかを表示する。
    .sentence = 調べた{ $count }個の予測対象がすべて{ $is_text ->
        [yes] トークン
       *[other] クラス
    }{ $target }である。
    .on-purpose = 意図的に一つのクラスだけを学ばせている（異常検知など）
    .test = 3つのバッチの予測対象と、そのうちどれが損失に数えられるかを表示する。
    .number = 調べた{ $count }個のバッチのすべてで、どの出力も同じ数{ G($target, digits: 3) }と比べられている。
    .number-test = 損失に渡す直前の目標値を、3つのバッチで表示する。整数に変換すると、0.7は0になる。

finding-ignored-class =
    .explained = 損失が、あるクラスの行をすべて除いている。そのクラスは学習されず、正解率はその行も数えるので低いままになる。たいていは、ignore_indexの値（または重み0のクラス）が、実在するクラスの番号になっている。どのクラスの番号でもない値を使う（既定は-100）。
    .sentence = クラス{ $target }の行が損失に数えられていない。バッチの行の{ PERCENT($share) } %に勾配がなく、全クラスのうちこのクラスだけが一度も予測対象にならない。
    .on-purpose = 「ラベルなし」を表すクラスであり、意図して除いている
    .test = 各クラスの行数を数え、クラスごとに1行ずつ、reduction="none"の損失を表示する。

finding-reversed-weights =
    .explained = 損失が、多いクラスを少ないクラスより重く数えているので、少ないクラスはほとんど学習されない。クラスの重みは、少ないクラスを補うためのものである。たいていは、割合の逆数ではなく割合そのものを重みにしているか、`pos_weight`に「負例÷正例」ではなく「正例÷負例」を渡しているか、重みの並びがクラス番号の順と違っている。
    .sentence = 損失が、多いクラスを少ないクラスより重く数えている。調べた{ $count }個のバッチで、クラスの重みは頻度の{ G($power, digits: 2) }乗になっており（頻度の差を補うなら-1乗）、最大の重みは最小の{ G($apart, digits: 3) }倍である。
    .meant = 多いクラスの誤りを意図して重くしている
    .test = 予測対象に使われている番号の順に、各クラスの重みと行数を並べて表示する。

finding-place-in-batch =
    .explained = 損失が行に求めるものが、バッチの中の位置で決まっており、何も学習していない。行どうしを比べる損失（部分尤度、順位づけ、累積和など）が、たまたま並んだ順に行を扱っている。先に時刻やスコアの順に、予測対象とともに並べ替える。
    .sentence = 行の勾配がバッチの中の位置で決まっている。調べた{ $count }個のバッチで、最初の行から最後の行へ向かって勾配が{ $falls ->
        [yes] 下がり
       *[no] 上がり
    }（前半でも後半でも相関{ G($by, digits: 2) }）、何も学習していない。無作為に引いた行にこのような順序はない。
    .ordered = 行がもともと順に並んでいるバッチである
    .test = 一つのバッチの損失を計算し、行の順を（入力も予測対象も同じように）変えて計算し直す。同じ値でなければならない。

finding-unasked-end =
    .explained = 文章を終えるトークンが入力にあるのに、終わることが一度も予測対象にならないので、モデルは止まることを学ばず、上限まで生成を続ける。たいていは、パディングのトークンが終端トークンを兼ね、損失がパディングをすべて除いている。パディングに専用のトークンを与えるか、ラベルをattention maskから作る。
    .sentence = 文章を終えるトークン（{ $token }）が一度も予測対象になっていない。調べた{ $count }か所の終わりのすべてで、直前までの文章は損失に数えられ、終わりは数えられていない。{ $padding ->
        [yes] attention maskではどれもパディングである。文章を読むだけのモデルなら終わりは要らない。
       *[other] {""}
    }
    .on-purpose = 生成しないモデル、または別の方法で止めるモデル
    .test = バッチのラベルを表示する。各文章の後ろに{ $token }が1つだけあるはずである。

finding-mirrored-targets =
    .explained = モデルは物の位置を見つけているのに、求められるマップ（マスクなど）の一部は、そのままよりも反転させたほうがモデルの出力に合う。データ拡張が画像と予測対象を別々に反転させている。乱数は両方に対して一度だけ引く。訓練に渡る組をいくつか表示して確かめる。
    .sentence = { axis-unit }{ $step }から、求められるマップの{ PERCENT($share) }%は反転させたほうがモデルの出力に合う。画像と予測対象が別々に反転されている。
    .sides = 入力からは左右や上下が分からず、予測対象にだけその区別がある
    .test = 訓練に渡る画像と予測対象の組をいくつか、重ねて描く。

finding-constant-output =
    .explained = 入力が何であっても、バッチのすべての行が同じ出力になる。ユニットが働かなくなった、活性化関数がどこでも飽和した、重みが小さくなりすぎた、または大きくなりすぎた、モデルの途中が切れている、のいずれかである。どの層で行が等しくなるかを調べる。学習率を下げる、勾配をクリップする、初期化を変えると、ユニットは働き続ける。
    .sentence = { axis-unit }{ $first }以降、入力が何であってもすべての行が同じ出力になる（最後の{ $points }回のサンプル更新のすべて）{ $before ->
        [none] 。
       *[other] 。それまでは、行どうしが大きさの{ PERCENT($before) }%だけ異なっていた。
    }
    .dead = 大きすぎる更新の後などに働かなくなったユニット。すべての行で入力が0未満になる
    .saturated = どこでも飽和した活性化関数
    .cut = 入力と出力の間で何も渡さない部分（0を掛けている、マスクされている、つながっていない）
    .test = 異なる2行をモデルに通し、層ごとに出力を比べて、両者が等しくなる最初の層を見つける。

finding-unasked-rows =
    .explained = 多くの文章で、損失がどの位置も数えていない。その文章からは何も学ばれない。多くの場合、プロンプトやパディングを除くためのマスクが、答えまで除いている。目印が見つからないか、答えの前で文章が切られている。そうした文章をいくつか、損失が数える位置とともに表示する。
    .sentence = { axis-unit }{ $first }以降、更新に使う文章の{ PERCENT($share) }%には予測対象が一つもない。損失はその文章のどの位置も数えていない{ $before ->
        [none] 。
       *[other] （それまでは{ PERCENT($before) }%）。
    }
    .cut = 答えが始まる前の長さで切られた文章
    .filler = バッチを埋めるためだけの、除くべき文章
    .time = 最初の軸が時間である出力で、損失がそのうち一つの位置だけを使う場合
    .test = 一つのバッチの文章をいくつか取り、予測対象のある位置を表示する。

finding-outputs-bounded =
    .explained = 出力が活性化関数の端（ReLU、softplus、sigmoidでは0、sigmoidとtanhでは1、tanhでは-1）で止まり、目標値はその先にもある。どんな重みでもその値は出せない。最後の層の後ろの活性化関数を外すか、目標値をその範囲に収める。
    .sentence = 出力が{ G($edge, digits: 2) }で止まっている。最後の{ $points }回のサンプル更新で{ G($bound, digits: 2) }を{ $side ->
        [below] 下回る
       *[above] 上回る
    }出力は一つもなく、目標値の一割は{ G($far, digits: 2) }を{ $side ->
        [below] 下回る
       *[above] 上回る
    }
    .rest = 真の値がそこで終わり、目標値に雑音が載っている
    .test = バッチの出力と目標値の最小値と最大値を表示し、モデルの最後のモジュールを確かめる。

finding-input-scale =
    .explained = 入力が、重みの初期化が想定する大きさの数百倍ある。出力も同じだけ大きくなり、最初の損失は当て推量の損失をはるかに超える。一つの列がほかの列をすべて覆い隠すこともある。訓練データの平均と標準偏差で、列ごとに標準化する。
    .sentence = 入力の二乗平均平方根が{ G($size, digits: 2) }であり、{ $layer }の出力も{ G($activation, digits: 2) }になる。最初の損失は{ G($loss) }である（当て推量なら{ G($guess, digits: 2) }）。
    .test = モデルに渡すバッチの、列ごとの平均と標準偏差を表示する。

finding-tiny-batch =
    .explained = バッチ正規化は、バッチの行から平均と分散を求める。数行では意味のある値にならず、2行ならどの数もほぼ+1か-1になる。たいていは、エポックの最後に残った端数のバッチである。端数を除く（drop_last=True）か、小さな端数の出ないバッチサイズにする。
    .sentence = バッチ正規化に、通常の{ $usual }行ではなく{ $rows }行のバッチが、{ axis-unit }{ $first }{ $period ->
        [0] で
       *[other] から{ $period }ごとに
    }渡されている（{ $count }回）。{ $by ->
        [none] {""}
        [loss] そこでは損失が{ G($times, digits: 2) }倍である。
       *[gradient] そこでは勾配が{ G($times, digits: 2) }倍である。
    }
    .test = DataLoaderにdrop_last=Trueを指定して訓練し、検証損失を比べる。

finding-doubtful-setting =
    .explained = ほとんどの場合、書き間違いである設定。Adamのbeta1はbeta2より小さく、通常は0.9と0.999である。バッチ正規化のmomentumは、PyTorchでは最新のバッチの割合（通常0.1）だが、TensorFlowではそれまでの値の割合であり、向こうの0.99はここでは0.01になる。ドロップアウトのpは落とす割合である。
    .sentence = { $which ->
        [betas] オプティマイザのbetasが{ G($beta1) }と{ G($beta2) }であり、順序が逆と思われる。勾配の平均が、それを割る二乗の平均よりも遅く忘れる。
        [still] バッチ正規化のmomentumが0であり、評価に使う統計量がまったく動かない（層: { $layers }）。
       *[newest] バッチ正規化のmomentumが{ G($momentum) }であり、評価に使う統計量が最新のバッチのものになる（層: { $layers }）。
        [dropout] ドロップアウトが、更新のたびに層の値の{ PERCENT($share) } %を落としている。pは残す割合ではなく、落とす割合である。
        [smoothing] 目標値が平滑化されすぎて、ほとんど情報がない。目標値自身のエントロピーは{ G($entropy) }ナット、当て推量のエントロピーは{ G($guess) }ナットである。
    }
    .on-purpose = 意図した設定（統計量を動かさないなど）
    .test = { $which ->
        [betas] betas=({ G($beta2) }, { G($beta1) })にして、損失を比べる。
        [dropout] pを{ G($kept) }にして訓練し、損失を比べる。
        [smoothing] label_smoothing=0.1で訓練し、正解率を比べる。
       *[other] momentumを0.1のままにして、検証損失を比べる。
    }

finding-uniform-noise =
    .explained = モデルが当てるべきノイズが、0から1の一様分布から引かれている。拡散モデルは平均0、標準偏差1のノイズを加え、生成もそのノイズから始めるため、学んだことが生成に合わない。randnやrandn_likeとすべきところにrandやrand_likeがないかを調べる。
    .sentence = 目標値が、0から1の一様なノイズ（平均0.5、標準偏差0.29）である。拡散モデルでは標準正規分布のノイズ（平均0、標準偏差1）を当てる。
    .by-itself = 目標値がもともと0から1に一様に分布している、または意図してそのようなノイズを使う手法である
    .test = 加えるノイズの平均と標準偏差を出力する。rand_likeをrandn_likeに替えて、生成を試す。

finding-untrained-start =
    .explained = ファインチューニングとされているのに、層が作られたときのままで始まっている（正規化が正確に1と0、重みがtorchの初期値、バイアスが0）。チェックポイントが読み込まれていないか、別のモデルに読み込まれている。load_state_dict(..., strict=False)は、接頭辞の違いなどで名前が一つも合わなくても何も言わない。
    .sentence = ファインチューニングが初期値の重みで始まっている。判定できる数のうち{ PERCENT($share) } %が作られたときのままであり、チェックポイントが読み込まれていない。
    .from-scratch = 最初からの訓練を、ファインチューニングと呼んでいる
    .test = load_state_dictの戻り値（missing_keys、unexpected_keys）を出力し、model.state_dict()の名前と比べる。

finding-copy-without-statistics =
    .explained = モデルの重みに追従する写し（重みの移動平均など）で、バッチ正規化の移動統計量が一度も設定されていない（平均0、分散1のまま）。評価ではその値で正規化される。parameters()ではなくstate_dict()を使ってバッファも平均または複写するか、AveragedModel(use_buffers=True)を使う。
    .sentence = 評価でモデル自身が呼ばれておらず、その重みに追従する写しのバッチ正規化に統計量がない。モデル自身の移動統計量は動いているのに、写しでは平均が0、分散が1のままである。
    .unused = 評価以外の目的で保持している写しである
    .test = 訓練したモデルのバッファを写しに複写し（for a, b in zip(copy.buffers(), model.buffers()): a.copy_(b)）、もう一度評価する。

finding-lost-writes =
    .explained = モデルが添字で値を代入し、その添字に同じ場所が何度も現れている。その場所への値は、一つを残して失われる。total[index] += xは、PyTorchでもNumPyでも、場所ごとに1回しか足さない。すべてを足すには、total.index_add_(0, index, x)かscatter_add_を使う。
    .sentence = 添字による代入が、同じ場所に複数の値を書いている。total[index] += xは場所ごとに一つの値しか残さず、{ PERCENT($share, digits: 2) } %の値が失われる。
    .same = 重なる値がどこでも同じである
    .test = 代入をindex_add_（またはaccumulate=Trueのindex_put_）に替え、一つのバッチの出力を比べる。

finding-equal-views =
    .explained = 対照学習のような目標値のない訓練では、どの二つのビューが同じ例のものかを当てる。その二つがまったく同じなので、無視すべきものを学べない。多くは、進んでいく乱数生成器の代わりにシードを渡したため、データ拡張が両方に同じ乱数を使っている。
    .sentence = 更新のどの行も、ちょうど2回ずつ現れる（同じ行があった更新{ $count }回のすべて）。組になる二つのビューが、数値まで同じである。
    .on-purpose = ドロップアウトの二つの結果を比べるなど、意図して同じバッチを二度入力している
    .test = 一つの例の二つのビューの差の最大値を出力する。0であってはならない。

finding-lost-updates =
    .explained = 16ビットの重み（bfloat16、float16）は、その大きさの最大0.8 %の刻みでしか動かない。刻みの半分より小さい更新は丸められて消え、どれだけ訓練しても、その重みは動かない。重みはfloat32のままにして計算だけをtorch.autocastで16ビットにするか、32ビットの写しをもつオプティマイザを使う。
    .sentence = 16ビットの重みの数のうち{ PERCENT($share) } %が、勾配があるのに、{ axis-unit }{ $last }でも{ axis-unit }{ $first }と同じ値である。更新が丸めで失われている。
    .layers = { $layers }（{ $count }個）には勾配があるのに、まったく動かない。16ビットの重みでは、その更新が丸められて消えている。
    .tiny = 意図して、ごく小さい学習率にしている
    .test = モデルをfloat32にし、torch.autocast(dtype=torch.bfloat16)で100ステップ訓練して、損失を比べる。

finding-no-context =
    .explained = モデルが、最後のトークンだけから次のトークンを予測している。それより前のトークンの影響がまったくなく、どのトークンの次に何が来るかしか学べない。多くは、注意が位置以外の軸に働いている（scaled_dot_product_attentionでヘッドと位置が入れ替わっているなど）か、状態が位置ごとに初期化されている。
    .sentence = 各位置の出力が、その位置のトークンだけに依存し、前のトークンに依存していない。調べた{ $count }個のバッチすべてで、前のトークンへの勾配がちょうど0であり、次のトークンを予測する文脈がない。
    .on-purpose = 1トークンだけを読むモデル（バイグラム）である
    .test = 評価モードで文章の最初のトークンを変える。後の位置の出力が変わるはずである。注意では、クエリ、キー、バリューの形が（バッチ、ヘッド、位置、チャネル）かを表示して確かめる。

finding-not-causal =
    .explained = モデルに、予測すべきトークンや数値が見えている。そのため損失には意味がない。マスクがないか一つずれている、畳み込みが両側にパディングされている、層が両方向に読んでいる、のいずれかである。文の最後のトークンを変えても、それより前の出力は動いてはならない。
    .sentence = { $since ->
        [none] { "" }
       *[other] 遅くとも{ axis-unit }{ $since }から、
    }最後のトークンの一つ前の出力が、予測すべき最後のトークンに依存している（最も影響の大きいトークンの{ G($share, digits: 2) }倍の強さ。マスクがあればちょうど0になる{ $since ->
        [none] { "" }
       *[other] 。はじめは0だった
    }）。
    .numbers = { $since ->
        [none] { "" }
       *[other] 遅くとも{ axis-unit }{ $since }から、
    }最後の位置の一つ前の出力が、最後の入力に依存している。しかも目標値は{ $places }つ先の入力である（最も影響の大きい入力の{ G($share, digits: 2) }倍の強さ。過去だけを読むモデルならちょうど0になる{ $since ->
        [none] { "" }
       *[other] 。はじめは0だった
    }）。
    .on-purpose = 文全体を見るモデルであり、次のトークンを予測させているのではない
    .test = バッチの最後のトークンを変え、それより前のすべての位置の出力を比べる。newllm.check も同じことを行う。

finding-batch-as-time =
    .explained = 再帰層かアテンションの層が、入力の最初の軸を時間とみなしている（torchの既定のbatch_first=False）が、その軸はバッチである。そのため行から行へと進み、出力がほかの行に依存する。層にbatch_first=Trueを指定するか、入力を転置する。
    .sentence = ある層が最初の軸を時間とみなしている（batch_first=False）が、その軸はバッチである。各行が一つの長い文章のステップとして読まれ、出力がほかの行に依存する。
    .on-purpose = 時間の順に並べた行を意図的に与えている
    .test = バッチの一つの行を変える。評価モードでは、ほかの行の出力は変わらないはずである。newllm.checkで調べられる。

finding-unread-tokens =
    .explained = 出力が一つのトークン（位置は問わない）だけに依存し、ほかのトークンには依存していない。たいていはパディングのマスクが逆である。PyTorchのattentionではTrueが「読まない」、transformersでは1が「読む」を意味する。
    .sentence = 出力が一つのトークンだけに依存し、ほかの{ $count }個のどれにも依存していない。
    .on-purpose = 読むべきものがほかにない文である
    .test = マスクをトークンと並べて表示し、文のトークンを一つ変える。出力が動かなければならない。

finding-loss-multiple =
    .explained = 平均が普通であるところで、損失が合計になっている。そのため、勾配が予測対象やマイクロバッチの数とともに大きくなる。損失をその数で一度だけ割るか、学習率が合計に合わせて選ばれていることを確かめる。
    .sentence = 損失が、予測対象についての平均の{ G($times, digits: 3) }倍である。{ $how ->
        [passes] 一回の更新のマイクロバッチ
       *[other] 予測対象
    }について合計されている。
    .divided = 一回の更新に{ FIXED($passes) }回の逆伝播があり、勾配が平均損失の1/{ FIXED($passes) }のものである。損失が回数で二度割られている。
    .on-purpose = 意図的な合計であり、学習率もそれに合わせてある
    .test = 半分の大きさのバッチでの勾配ノルムと比べる。

finding-update-in-evaluation-mode =
    .explained = モデルが評価モードのまま更新されている。ドロップアウトは働かず、バッチ正規化は保存された統計量を使うだけで更新しない。多くの場合、評価でmodel.eval()を呼んだあと、model.train()を呼んでいない。
    .sentence = { $whole ->
        [yes] すべての更新が評価モードで行われた。ドロップアウトは働かず、バッチ正規化の統計量も変わらない。
       *[no] { axis-unit }{ $first }から、更新が評価モードで行われている（それまでは訓練モード）。ドロップアウトは働かず、バッチ正規化の統計量も変わらない。
    }
    .new = すべての更新が評価モードで行われ、バッチ正規化の移動統計量は作られたときの平均0、分散1のままである。正規化は働かず、統計量も更新されず、ドロップアウトも働かない。
    .on-purpose = 意図的に評価モードで訓練している（統計量の固定）
    .test = 評価のたびにmodel.train()を呼び、結果を比べる。

finding-weight-decay =
    .explained = 更新の大半が重み減衰である。重みは学習するより速く0に引き寄せられている。AdamWでは0.01から0.1が通常である。
    .sentence = { $worst }の通常の更新の{ PERCENT($share, digits: 2) } %が重み減衰である（層: { $layers }）。通常は1 %程度である。
    .one-value = { $worst }の通常の更新の{ PERCENT($share, digits: 2) } %が重み減衰（{ G($decay) }）である（層: { $layers }）。通常は1 %程度である。
    .on-purpose = 枝刈りなどのために、意図的に重みを縮めている
    .test = 重み減衰を100分の1にして訓練し直す。
    .less = 重み減衰を100分の1（{ G($decay) }）にして訓練し直す。
