# 正常とわかっている実行との違い。

## 比較
against-and = { $first }、{ $rest }
against-lead-differs-from-reference = 訓練に与えたものまたは設定が{ $other }と異なる：
against-lead-program-differs = プログラムが{ $other }と異なる：
against-lead-program-changed = { axis-unit }{ $step }で再開したプログラムが、それまでのもの（「あちら」）と異なる：
against-lead-parts-from-reference = { $how ->
    [asked] 別のオプションまたはスイープの別の回だった{ $other }より、結果が劣る：
    [suspect] 訓練は{ $other }と同じなのに、評価だけがはるかに良い。予測すべき答えがモデルに渡っていないか、評価が易しい行だけになっていないかを確かめる：
    [later] { $other }より学習は遅いが、最後は同じになる：
    [earlier] { $other }より学習は早いが、最後は同じになる：
    [behind] { $other }より学習は遅く、最後もまだ追いついていない：
    [ahead] { $other }より学習は早く、最後もまだ先にいる：
    [way] 途中は{ $other }と異なるが、最後は同じになる：
   *[other] 訓練の結果が{ $other }と異なる：
}
against-lead-parts-inside = モデルの内部で{ $other }と最初に分かれるもの：
against-further = ほか{ COUNT($count) }個
against-kind = { NAMED($kind, kind: "term") }
against-setting = { $name }が{ $here }（あちらでは{ $there }）
against-signal = { SIGNAL($signal) }が{ AMOUNT($here, $signal, digits: 3) }（あちらでは{ AMOUNT($there, $signal, digits: 3) }、{ $lasts ->
        [once] { axis-unit }{ $step }だけ
        [a-while] { axis-unit }{ $step }から{ $last }まで
       *[stays] { $after ->
            [none] { axis-unit }{ $step }から
           *[other] { axis-unit }{ $after }と{ $step }の間から
        }
    }{ $here_end ->
        [none] { "" }
       *[other] 、その後{ AMOUNT($here_end, $signal, digits: 3) }、あちらでは{ AMOUNT($there_end, $signal, digits: 3) }
    }）{ $follows ->
        [yes] 。不規則なステップで同じ倍率ずつ下がっており、損失に従うスケジュールのように見える
       *[no] { "" }
    }
against-level = { SIGNAL($signal) }が{ $lasts ->
        [stays] 最後に{ AMOUNT($here, $signal, digits: 3) }（あちらでは{ AMOUNT($there, $signal, digits: 3) }、{ axis-unit }{ $step }ごろから離れる）
        [once] { AMOUNT($here, $signal, digits: 3) }（あちらでは{ AMOUNT($there, $signal, digits: 3) }、{ axis-unit }{ $step }ごろ離れる）
       *[a-while] 最も離れたところで{ AMOUNT($here, $signal, digits: 3) }（あちらでは{ AMOUNT($there, $signal, digits: 3) }、{ axis-unit }{ $step }ごろから{ $last }ごろまで離れる）
    }
against-classes-gone = { axis-unit }{ $step }までの目標に現れるクラスは{ $here }個だけで、あちらでは調べたどのバッチにも{ $there }個以上ある
against-only-here = { SIGNAL($signal) }（あちらにはない、{ axis-unit }{ $step }から）
against-only-there = { SIGNAL($signal) }がない（あちらでは{ axis-unit }{ $step }から）
against-clipped-here = 勾配が{ G($limit, digits: 3) }にクリップされている（あちらでは違う、{ axis-unit }{ $step }から）
against-clipped-there = 勾配がクリップされていない（あちらでは{ G($limit, digits: 3) }に、{ axis-unit }{ $step }から）
against-layers-here = あちらにない{ COUNT($count) }個の層：{ $names }{ $more ->
        [0] { "" }
       *[other] など
    }
against-layers-there = あちらにある{ COUNT($count) }個の層がない：{ $names }{ $more ->
        [0] { "" }
       *[other] など
    }
against-whether = { $yes ->
        [yes] はい
       *[no] いいえ
    }
against-layers-differ = { $names }{ $more ->
        [0] { "" }
       *[other] など
    }の{ $what ->
        [kind] クラス
        [parameters] パラメータ数
        [trained] 訓練の有無
        [given] オプティマイザへの受け渡し
        [weight_decay] 重み減衰
        [penalty] 勾配に加える重み減衰
       *[norm_momentum] 統計のモーメンタム
    }が{ $here }（あちらでは{ $there }）{ $others ->
        [0] { "" }
       *[other] 、ほか{ COUNT($others) }個の層でも異なる
    }

against-edit-changed = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] （{ $place }）
    }の`{ $here }`（あちらでは`{ $there }`）
against-edit-nested = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] （{ $place }）
    }の`{ $here }`{ $by ->
        [inside] { $mine ->
            [none] はループや条件の外
           *[other] は`{ $mine }`の中
        }にあり、あちらでは{ $its ->
            [none] ループや条件の外
           *[other] `{ $its }`の中
        }にある
       *[other] を囲む条件、ループ、ブロックがあちらと異なる
    }
against-edit-moved = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] （{ $place }）
    }の`{ $here }`{ $more ->
        [0] { "" }
       *[other] ほか{ COUNT($more) }文
    }が、あちらでは別の関数にある
against-edit-added = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] （{ $place }）
    }の`{ $here }`{ $more ->
        [0] { "" }
       *[other] ほか{ COUNT($more) }文
    }（あちらにはない）
against-edit-reordered = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] （{ $place }）
    }の`{ $here }`は{ $by ->
        [inside] { $mine ->
            [none] ループや条件の外
           *[other] `{ $mine }`の中
        }にあり、あちらでは{ $its ->
            [none] ループや条件の外
           *[other] `{ $its }`の中
        }にある
        [behind] { $mine ->
            [none] 最初
           *[other] `{ $mine }`の直後
        }にあり、あちらでは{ $its ->
            [none] 最初
           *[other] `{ $its }`の直後
        }にある
       *[other] あちらではその中の別の場所にある
    }
against-edit-removed = { $file }{ $place ->
        [none] { "" }
       *[other] （{ $place }）
    }に、あちらの{ $line }行目の`{ $there }`{ $more ->
        [0] { "" }
       *[other] ほか{ COUNT($more) }文
    }がない
against-option = { $name }が{ $here ->
        [none] 指定なし
       *[other] { $here }
    }（あちらでは{ $there ->
        [none] 指定なし
       *[other] { $there }
    }）
against-data-folder = { $name }のファイル{ COUNT($count) }個の内容が異なる（{ $first }など）
against-data = ファイル{ $name }の中身が異なる（{ COUNT($here) }バイト、あちらでは{ COUNT($there) }バイト）
against-version = { $name }が{ $here }（あちらでは{ $there }）

finding-program-differs =
    .explained = 正常とわかっている実行（--against）とはプログラムが異なる。結果を変えないもの（コメント、書式、名前の変更）は除き、めったに変えないもの（ログ、インポート）は最後に示す。newllm bisectは変更を一つずつ加えて実行し直し、どれが原因かを示す。
    .sentence = { against-lead-program-differs }{ $differences }{ $more ->
        [0] 。
       *[other] 、ほか{ COUNT($more) }個。
    }

finding-program-changed =
    .explained = 訓練を始めたプログラムと再開したプログラムが異なる（newllm.recordが両方を保存した）。その後は別の訓練であり、そこで損失が跳ねたなら、そのためかもしれない。結果を変えないもの（コメント、書式、名前の変更）は除く。
    .sentence = { against-lead-program-changed }{ $differences }{ $more ->
        [0] 。
       *[other] 、ほか{ COUNT($more) }個。
    }

finding-differs-from-reference =
    .explained = 正常とわかっている実行と比べた（--against）。設定、層、あるいは損失によっては決まらないデータ、予測対象、状態の信号が、あちらと異なる。最初から、または損失が分かれる前から異なるものを先に調べる。一つずつ元に戻して訓練し直す。
    .sentence = { against-lead-differs-from-reference }{ $differences }{ $more ->
        [0] 。
       *[other] 、ほか{ COUNT($more) }個。
    }

finding-parts-from-reference =
    .explained = 損失または評価の値が、正常とわかっている実行（--against）のその前後の値のどれからも、乱数シードの違いで通常生じる以上に離れている。記録されたデータと設定に違いがなければ、原因はモデル、損失、評価のいずれかのコードにある。
    .sentence = { against-lead-parts-from-reference }{ $differences }{ $more ->
        [0] 。
       *[other] 、ほか{ COUNT($more) }個。
    }

finding-parts-inside =
    .explained = 正常とわかっている実行（--against）と、モデルの内部で最初に分かれる場所。最初に分かれるものは原因の近くにあることがある。
    .sentence = { against-lead-parts-inside }{ $differences }{ $more ->
        [0] 。
       *[other] 、ほか{ COUNT($more) }個。
    }

as-before-finding = { $finding }（以前の{ $other }と同じ）
unlike-finding = { $finding }（{ $other }との違い：{ $differences }）

finding-in-reference-too =
    .explained = 正常とわかっている実行（--against）にも、同じ信号について同じかそれ以上に重大なこれらの所見がある。直す価値はあるかもしれないが、二つの実行の違いの原因ではない。
    .sentence = { $other }にもあるので、違いの原因ではないもの：{ $kinds }。

finding-as-reference =
    .explained = 記録されたものはどれも、正常とわかっている実行（--against）と、乱数シードの違いで生じる以上には異ならない。記録されていないものは異なるかもしれない。
    .sentence = { COUNT($count) }個の設定と信号が、乱数シードの違いで生じるものを除いて{ $other }{ $several ->
        [yes] の少なくとも一つ
       *[no] { "" }
    }と同じである。
