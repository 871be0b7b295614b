# リプレイの実行中と、ガードの判断：試さない理由、リプレイが元の実行と分かれる所。

## 変更を試さない理由
not_tried-no_time = 時間が残らなかった。--budgetを大きくする
misfit-already = { $setting }はすでに{ EXACT($value) }である
misfit-setting_already = { $setting }はすでに'{ $value }'である
misfit-clipped_already = 勾配はすでに{ EXACT($norm) }でクリッピングされている
misfit-decay_already = 減衰はすでに{ EXACT($decay) }である
misfit-scaled_already = model.initialisationの'scaled'にすでに含まれる
misfit-forgets_already = 更新則'{ $rule }'はすでに忘却する
misfit-qk_norm_already = アーキテクチャ'attention'にはすでにQK正規化がある
misfit-adamw_already = オプティマイザはすでにAdamWである
misfit-neither_adam_nor_sgd = { $optimizer }はAdamでもSGDでもなく、学習率をどう対応させるか分からない
misfit-only_its_optimizer = newllm trainでは、オプティマイザだけが重みとモーメントを変える
misfit-no_setting_changed = スパイクの前に、訓練のコードがこの設定を変えていない
misfit-no_change_seen = この変更が元に戻すはずのものを、オプティマイザ以外が変えた記録はない
misfit-no_decay = 重み減衰がなければ、AdamとAdamWは同じである
misfit-same_as_update_clipping = ここではupdate-clippingと同じである
misfit-no_second_moment = { $optimizer }には二次モーメントがない
misfit-own_rate = 学習率はオプティマイザ自身のもので、変わらない
misfit-rate_never_rises = 予定された学習率は上がることがない
misfit-carried = data.carryが文脈をバッチから次のバッチへ引き継ぐため、順序を変えられない
misfit-whose_evaluation = 評価の数え方が分かるのは、newllm trainの実行だけである
misfit-no_unknown_token = トークナイザー'{ $tokenizer }'には未知語のトークンがない
misfit-unknown_in_training = 訓練にも未知語が現れる
misfit-no_unknown_words = 検証データに未知語がない
misfit-no_sentences = 文の形式と、未知語をもつ単語トークナイザーが要る
misfit-same_bits = CPUではこの実行は毎回ビット単位で同じである
misfit-precision = この実行は{ $precision }で計算する
misfit-not_ours = newllm trainの設定を変えるものだが、これはほかの訓練である
misfit-whose_context = 文脈ベクトルの所在が分かるのは、newllmのcellとstackだけである
misfit-no_context = アーキテクチャ'{ $body }'は文脈を読まない
misfit-matrices = 文脈が行列で（更新則'{ $rule }'）、これはベクトルの文脈を変えるものである
misfit-not_a_cell = newllmのcellのFNNを変えるものである
misfit-no_branch = 1層では残差枝がない
misfit-whose_branches = どの層が残差枝の出力かが分かるのは、newllmのアーキテクチャだけである
misfit-no_branches = アーキテクチャ'{ $body }'には、ここでは残差枝がない
misfit-whose_attention = クエリとキーの所在が分かるのは、newllmのアーキテクチャだけである。torchのアテンションには、その前に手を入れる所がない
misfit-no_attention = アーキテクチャ'{ $body }'にはアテンションがない
misfit-whose_logits = ほかの訓練の損失からは、ロジットが分からない
misfit-no_dropout = モデルに0より大きいドロップアウトが見つからない
misfit-no_embedding = モデルに、重みを共有しないnn.Embeddingがない
misfit-single_layer = モデルが1層なので、訓練するものが残らない
misfit-usual_embedding = 埋め込みはほぼ通常の大きさである
misfit-no_matrices = モデルに行列がない

## リプレイが元の実行と分かれる所
difference-batch = ステップ{ $step }で読むバッチが異なる
difference-weights = ステップ{ $step }で重みが異なる
difference-loss = ステップ{ $step }で損失が{ EXACT($replayed) }（記録では{ EXACT($recorded) }）
difference-gradient_norm = ステップ{ $step }で勾配ノルムが{ EXACT($replayed) }（記録では{ EXACT($recorded) }）
differs-no_time = { $difference }。理由を調べる時間は残らなかった
differs-agree = { $difference }{ $parameter ->
    [none] {""}
   *[other] 、最初は'{ $parameter }'
}。二つのリプレイは互いに一致するので、記録、コード、マシンのいずれかが異なる
differs-changed = { $difference }{ $parameter ->
    [none] {""}
   *[other] 、最初は'{ $parameter }'
}。二つのリプレイは互いに一致し、元の実行の状態が外から変えられている
differs-apart = { $difference }。同じ状態からの二つのリプレイが、ステップ{ $step }から互いに異なる{ $batch ->
    [yes] 、読むバッチが異なる
   *[no] {""}
}{ $parameter ->
    [none] {""}
   *[other] 、差が最も大きいのは'{ $parameter }'
}{ $random_state ->
    [none] {""}
   *[other] 、その後の{ $random_state }の乱数の状態が異なる
}{ $losses ->
    [yes] 、損失が異なる
   *[no] {""}
}

## リプレイの実行中
notice-cause_shown = 原因が示された。残りの変更は1回ずつ試す
notice-loop-not_kept = リプレイする訓練は{ $path }の訓練とは異なる。結果はそこに書かず、プロセスとともに失われる（out=に新しいディレクトリを渡せば残る）
notice-kept = このスパイクについては以前の判定のほうが多くを示すので、それを実行に残す。以下の判定は保存しない
notice-leaves = リプレイがステップ{ $step }で元の実行と分かれた。何が異なるかを調べている
notice-bits = { $difference }。リプレイはビット単位では一致しないかもしれない
notice-bits_of_unlike = ステップ{ COUNT($step) }から、一部のランクはランク0と種類の異なるプロセッサーで計算していた。リプレイはビット単位では一致しないかもしれない
notice-loop = この訓練のリプレイは、次の点で{ $call }と異なる:
notice-loop-callbacks = ユーザー定義のコールバックは呼ばれない: { $names }。学習率、重み、勾配を変えるものなら、リプレイは別の訓練になる。loop(..., callbacks=[...])で渡せば呼ばれる
notice-loop-stops = { $name }は呼ばれない: { COUNT($steps) }回の更新をすべて訓練する
notice-loop-dropout = ドロップアウトなどモデルの乱数は、シードとステップから引くため、損失は{ $call }のものと、乱数の違いの分だけ異なる
notice-loop-data = データセットまたはコレータが乱数を使う: ここではシードとバッチの番号から引く
notice-loop-order = データの順序は、ドロップアウトと同じ乱数生成器で決まる: 2エポック目から順序が異なる
notice-loop-read = データは最初から読む。リプレイのたびに読み直す
notice-loop-step = { $name }はユーザー定義である: 逆伝播のあとにすることは省く
notice-loop-hook = { $name }はユーザー定義だが、使わない: 逆伝播、クリッピング、更新、勾配の消去はリプレイが行う
recorded-same = この訓練の損失は、{ COUNT($n) }ステップにわたり{ $path }とビット単位で一致する。
recorded-rounding = この訓練の損失は、{ COUNT($n) }ステップにわたり、丸め誤差を除いて{ $path }と一致する（最初の違いはステップ{ $step }: 記録{ G($recorded, digits: 9) }、ここでは{ G($replayed, digits: 9) }）。
recorded-leaves = この訓練の損失は、ステップ{ $step }で{ $path }と分かれる（記録{ G($recorded, digits: 5) }、ここでは{ G($replayed, digits: 5) }。差の最大はステップ{ $at }の{ G($most, digits: 3) }）。{ $by_chance ->
    [yes] ここでは乱数の引き方が異なり、別の乱数による訓練である。
   *[no] 記録された訓練では、ここにはない何か（コールバックなど）が働いていたか、データまたは重みが異なっていた。
}
recorded-forgotten = そのため、このリプレイの結果は保存されない。newllm.replay(loop, out=...)に新しいディレクトリを指定すれば保存される。
recorded-spike = { $replayed ->
    [none] ステップ{ $spike }で記録されたスパイクは、この訓練にはない。
   *[other] ステップ{ $spike }で記録されたスパイクは、この訓練にもある（ステップ{ $replayed }）。
}
environment = この実行は{ $name } { $before }で始まったが、ここでは{ $now }である

## ガードの判断
guard-decided = ステップ{ $detected }で損失が{ $rise ->
    [none] 有限でなくなった
   *[other] 傾向を{ PERCENT($rise) }%上回った
}（傾向から外れ始めたのはステップ{ $onset }）。{ $decision }
guard-asks = 何も変えなかった
guard-stops = 続けて{ $n }回の復旧（{ $names }）が持続しなかったので、打ち切った
guard-skips = ステップ{ $back }まで巻き戻し、ステップ{ $last }までのバッチを飛ばす
guard-skips_because = { $why }。ステップ{ $back }まで巻き戻し、ステップ{ $last }までのバッチを飛ばす
guard-no_budget = { $budget }回の更新という予算ではリプレイができない
guard-not_the_run = 変更のないリプレイが元の実行と一致せず、リプレイからは何も言えない
guard-nothing_helps = リプレイした対策はどれも効かない
guard-recovers = 変更なしのリプレイで損失が自然に回復するので、何も変えなかった
guard-passes = 変更なしのリプレイでスパイクが自然に収まり、{ $helps ->
    [yes] なくす変更のほうが損失が大きい
   *[no] リプレイした対策はどれも効かない
}ので、何も変えなかった
guard-changes = ステップ{ $back }まで巻き戻し、そこから先は「{ $change }」で続ける（スパイクの{ $clean ->
    [yes] 残りはない
   *[no] { PERCENT($left) }%が残る
}）
