# 原因を裏付けるもの。原因の名前の後に続く。
cause-because = { $cause }（{ $percent } %）：{ $reason }
cause-hint = { $cause }（{ $reason }）
cause-perhaps = { $cause }の可能性（{ $percent } %）：{ $reason }

cause-alone = 反対の根拠は見当たらない。この根拠に当てはまる原因はほかにない
cause-unproved = 決め手ではない。ほかの原因でも同じことが見られる
cause-logged = { SIGNAL($signal) }はログにあるが、それらしい動きはない
cause-unlogged = それを示す{ SIGNAL($signal) }がログにない
cause-recorded = 起きていれば記録に現れるはずだが、現れていない
cause-unrecorded = 記録がない。newllm.recordなら示せる
cause-unseen = この実行にそれを裏付けるものはない

follows = { $root }の結果
cause-replays_show = この実行のリプレイで確かめられている
because-seen = この所見自体がそれを示している
because-spoken-for = この所見自体がそれを示唆している
because-rate-jumped = { axis-unit }{ $step }で学習率が{ G($before) }から{ G($after) }になった
because-grew-first = その前に損失が最初の{ G($factor, digits: 2) }倍に増えていた
because-updates-large = 更新が重みに対して大きすぎる
because-from-start = 損失が{ axis-unit }{ $step }から開始時の値を上回ったままである
because-rate-tiny = 学習率が最大でも{ G($rate) }である。これでは、最初から訓練するモデルはほとんど学習しない
because-always-falls = 損失は終始下がるが、ごくわずかである
because-rate-zero = { axis-unit }{ $step }から学習率が0である
because-schedule-turned = { axis-unit }{ $step }から学習率が、下がったときと同じように滑らかに上がる
because-schedule-ended = 学習率が少しずつ下がり、{ axis-unit }{ $step }から0である
because-warm-up-unfinished = 学習率が最後の点まで上がり続ける
because-schedule-restarted = { axis-unit }{ $step }で学習率が{ G($before) }から{ G($after) }になり、スケジュールが最初から始まる
because-clipped-away = クリッピングの後に勾配の{ PERCENT($left, digits: 2) } %しか残らない
because-gradient-carried = 更新の前に、前回の勾配が残っていたことが記録されている
because-gradient-cleared = { axis-unit }{ $step }から、逆伝播が残した勾配が、オプティマイザが読む前になくなっている
because-gradient-grows = 勾配ノルムが、全バッチの合計と同じように、ほとんどばらつかずに増える
because-accumulation-scale = 逆伝播の回数とともに勾配が大きくなる
because-no-gradient = 勾配ノルムがちょうど0である
because-loss-constant = どの点でも損失が{ G($value, digits: 5) }である（有効数字5桁）
because-batch-with-gradient = 損失と勾配が{ $points }点だけ上がり、すぐに戻る
because-block = 損失が急に上がり、{ $points }点の間同じ高さで、急に下がる
because-data-order = 隣り合うバッチが似ているか、並び順に沿ってデータの種類が変わる
because-never-learnt = 訓練損失は下がっているのに、検証損失は通常{ G($validation) }で、訓練開始時の{ G($start) }を上回る
because-only-validation-jumps = 訓練損失は変わらず、検証損失だけが急変する
because-training-moved = その間に訓練損失は動いた
because-floor = 損失が、ソフトマックスを2回かけた場合の下限にある
because-gradient-first = 損失がまだ有限だった{ axis-unit }{ $step }で先に勾配が有限でなくなり、float16で計算している部分がある
because-finite-again = その後、損失が再び有限になる
because-resumed-anew = 訓練が再開された{ axis-unit }{ $step }で、オプティマイザが何の状態ももっていなかった
because-moments-forgotten = 更新の間に、重みは変わらずモーメントだけが{ $times }回変わった
because-clipped-still = クリッピングの後に勾配の{ PERCENT($left, digits: 5) } %しか残らず、更新がほとんど0だったことが記録されている
because-state-changed = { axis-unit }{ $step }の前に、重みまたはモーメントがオプティマイザ以外によって変わった
because-context-grows = 文脈ベクトルが位置ごとに大きくなる
because-frozen = 訓練されるはずの層が動かない
because-rate-negative = { axis-unit }{ $step }から学習率が0を下回る
because-validation-unmoved = 訓練は進んでいるのに、検証損失は最初から最後までほとんど動かない。別の重み（平均または古いもの）を評価している
because-stands-still = 学習率も勾配も0でないのに、すべての評価が最後の桁まで等しい。オプティマイザが別の重みを持っている
because-by-heart = 訓練損失は{ G($start) }から{ G($end) }まで下がるが、検証は少しもよくならない
because-few-train = 通常の学習率で損失が終始少しずつ下がるが、モデル全体の勾配は変わらない。動いている重みはわずかである
because-last-bias = 勾配が、最後のバイアスだけの勾配と同じようにばらつく。入力の情報が出力に届いていない
because-constant-multiple = 訓練損失が、最初のほうの評価では検証損失の{ G($first, digits: 2) }倍、最後のほうでは{ G($last, digits: 2) }倍である
because-multiple-of-chance = 損失が、正解率が同じ当てずっぽうの損失の{ G($times, digits: 2) }倍のままである
because-own-part-small = { SIGNAL($part) }だけで検証損失とほぼ同じ大きさであり、訓練損失のほかの項がそれを上回っている
because-part-subtracted = 損失は各項の和であるが、{ SIGNAL($part) }の重みが負である
because-entropy-added = { $part ->
        [entropy_weight] 損失が方策のエントロピーとともに大きくなる（エントロピーボーナスなら差し引かれる）
       *[other] 損失は各項の和であるが、{ SIGNAL($part) }の重みが正である（エントロピーボーナスなら負になる）
    }
because-divergence-weight = 損失はどの点でも、再構成損失に、ダイバージェンスの{ G($weight, digits: 3) }倍を加えた値である
because-mirrors-validation = 訓練損失が、検証損失の符号を逆にした値である
because-other-units = 訓練損失は{ G($start) }から{ G($end) }に変わるが、検証損失は{ G($validation) }から1 %も動かない。学んでいることと問われていることが違う
because-rate-high = 学習率が{ G($rate) }であり、このようなモデルが通常のオプティマイザで耐えられる値の10倍以上である
because-class-never-found = どの評価でも正解率が{ PERCENT($accuracy, digits: 1) } %で、{ SIGNAL($signal) }は0である。まれなクラスが一度も予測されない
because-batch-outlier = { axis-unit }{ $step }の更新の入力が、ほかのすべての更新から大きく外れている（{ $what }が{ G($usual, digits: 3) }ではなく{ G($value, digits: 3) }）
because-inputs-not-finite = { axis-unit }{ $step }の更新の入力に、有限でない値がある
because-inputs-changed = 入力が{ axis-unit }{ $step }で変わり、そのまま戻らない
because-evaluation-inputs = 入力の標準偏差と平均が、訓練では{ G($std, digits: 2) }と{ G($mean, digits: 2) }、評価では{ G($other_std, digits: 2) }と{ G($other_mean, digits: 2) }である
because-evaluation-tokens = 評価の文章では、隣り合うトークンの組の{ PERCENT($share) } %が訓練と異なる
because-repeated-batch = その区間では、同じバッチが一行も違わずに再び現れた
because-recoded = { axis-unit }{ $step }で正解の割合が{ PERCENT($before) }%から{ PERCENT($after) }%に下がり、誤答の{ PERCENT($share) }%は規則どおりである。つまり、同じクラスがそれまでと違う番号で求められている。ここから先、データの全部または一部でクラスの番号の付け方が変わっている
because-targets-changed = 再び現れた入力の{ PERCENT($share, digits: 2) } %が、以前と違う予測対象と組になっていた
because-one-class = 各バッチの予測対象が少数のクラスに偏っている
because-first-update-long = 最初の更新だけで、重みがその大きさの{ PERCENT($ratio) }%も動き、損失が{ G($before) }から{ G($after) }に上がった
because-inputs-large = 入力の二乗平均平方根が{ G($size, digits: 2) }である
because-tiny-batch = バッチ正規化に、通常の{ $usual }行ではなく{ $rows }行のバッチが渡された
because-target-is-input = 予測対象が、同じ位置の入力トークンそのものである
because-new-classes = 予測対象のクラスの数が、そこから{ $before }から{ $after }に増える
because-back-each-time = バッチ{ $every }個に1個の損失が高く、次のバッチでは毎回元に戻る
because-updates-as-set = 更新が重みの{ G($ratio, digits: 2) }倍しかなく（Adamが学習率から作れる最大の大きさである）、すべての更新を合わせても重みはほとんど動かない
because-below-chance = 検証の正解率が{ PERCENT($accuracy, digits: 2) } %で、当てずっぽうの{ PERCENT($chance, digits: 2) } %よりはるかに低い
because-outputs-end = 出力が活性化関数の端である{ G($bound, digits: 2) }で止まり、目標値の一割は{ G($far, digits: 2) }より外にある
because-targets-far = 目標値がモデルの出力の何千倍もある
because-decay = 更新の大半が重み減衰である
because-weights-outgrown = 最大{ G($rate) }の学習率による最初の更新で、ほとんどの層の重みが{ G($factor, digits: 2) }倍になり、それ以降何も学習されていない
because-layers-idle = 更新を1回もしないうちから、最初のパスですでに{ $what ->
    [vanishing-gradient] { $layer }に勾配がほとんど届かない
    [dead-units] { $layer }のユニットが働いていない
   *[saturated-gates] { $layer }が上限・下限に張り付いている
}
because-gradient-steep = 更新を1回もしないうちに、最初のバッチの勾配ノルムがすでに{ G($gradient, digits: 2) }ある（損失は{ G($loss) }）
because-logits-wide = 更新を1回もしないうちの最初の損失が{ G($loss) }で、当てずっぽうの{ G($uniform) }を大きく上回る：重みがロジットを大きく散らばらせている
because-units-off = 更新を1回もしないうちから、最初のパスですでに{ $layer }のユニットが働いていない
because-future-seen = ある位置の出力が、予測対象そのものに依存している
because-text-unread = 出力がただ一つのトークンだけに依存し、文のほかのどのトークンにも依存していない
because-only-padding-asked = 予測対象がすべて同じトークンである：損失に数えられているのはパディングである
because-one-target = 予測対象がすべて同じである
because-told-by-input = { $how ->
    [class] 訓練データでは、入力の{ $count }か所のそれぞれから、それだけでクラスが分かる
   *[number] 訓練データでは、入力の一つの値が目標値にほぼ一致して動く（相関{ G($share, digits: 4) }）
}
because-unrelated-noise = 目標値は入力と無関係なノイズであり（相関{ G($correlation, digits: 1) }）、まったく予測できていない
because-begun-anew = { axis-unit }{ $step }での再開の後、重みのノルムが訓練の最初の値に戻り、損失も{ G($loss) }である（最初は{ G($first) }）：チェックポイントが読み込まれていない
because-dropped = 入力の{ PERCENT($share, digits: 2) } %を落とすドロップアウト層がある
because-other-targets = 最も多い予測対象が、それまでは常に{ $before }だったが、{ axis-unit }{ $step }からは{ $after }である
because-asked-anew = { axis-unit }{ $step }から、訓練では評価とは別の答えを同じ入力に対して学んでいる
because-learnt-anew = { axis-unit }{ $step }で訓練損失が一度に最初の高さを超え、その後ふたたび下がった。検証損失はそれまで{ G($before) }だったが、{ G($after) }のまま戻らない。入力の種類は変わらないのに、このステップから訓練の予測対象が別のものになっている
because-update-not-finite = { axis-unit }{ $step }で、勾配は有限なのに、オプティマイザがそこから作る更新が有限でない。float16では1e-8のepsilonは0になり、0で割ることになる
because-singular-derivative = { axis-unit }{ $step }で、損失は有限なのに勾配が有限でなくなった。その層は、値によって導関数が無限大になる{ $functions }の手前の層と、ちょうど一致する
because-derivative-not-finite = { axis-unit }{ $step }で、損失も入力も有限なのに、直前まで正常だった勾配が有限でなくなった
because-only-state = { $change }。調べたほかの信号（{ $groups }の{ $looked }個）は変わっていない
because-only-targets = { $change }。調べたほかの信号（{ $groups }の{ $looked }個）は変わっていない
because-only-multiple = { $change }。調べたほかの信号（{ $groups }の{ $looked }個）は変わっていない
because-only-decay = { $change }。調べたほかの信号（{ $groups }の{ $looked }個）は変わっていない
because-only-dropout = { $change }。調べたほかの信号（{ $groups }の{ $looked }個）は変わっていない
