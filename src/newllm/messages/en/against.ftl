# What differs from a run that is known to be sound.

## held against it
against-and = { $first }; { $rest }
against-lead-differs-from-reference = what the training is given or set to is not as in { $other }:
against-lead-program-differs = the program is not as in { $other }:
against-lead-program-changed = the program that goes on at { $axis } { $step } is not the one before ("there"):
against-lead-parts-from-reference = { $how ->
    [asked] it comes to less than { $other }, which was asked for with other options or as another turn of a sweep:
    [suspect] the evaluation alone is far better than in { $other }, with a training that is as there: look whether it gives the model what it should predict, or has easier rows:
    [later] it learns later than { $other }, and ends alike:
    [earlier] it learns earlier than { $other }, and ends alike:
    [behind] it learns later than { $other }, and is still behind at the end:
    [ahead] it learns earlier than { $other }, and is still ahead at the end:
    [way] it is not as { $other } on the way, and ends alike:
   *[other] what it comes to is not as in { $other }:
}
against-lead-parts-inside = inside the model this parts first from { $other }:
against-further = and { COUNT($count) } more
against-kind = { NAMED($kind, kind: "term") }
against-setting = { $name } { $here } (there { $there })
against-signal = { SIGNAL($signal) } { AMOUNT($here, $signal, digits: 3) } (there { AMOUNT($there, $signal, digits: 3) }; { $lasts ->
        [once] { $axis } { $step } alone
        [a-while] { $axis }s { $step } to { $last }
       *[stays] { $after ->
            [none] from { $axis } { $step } on
           *[other] from between { $axis }s { $after } and { $step } on
        }
    }{ $here_end ->
        [none] { "" }
       *[other] ; then { AMOUNT($here_end, $signal, digits: 3) }, there { AMOUNT($there_end, $signal, digits: 3) }
    }){ $follows ->
        [yes] , lowered by one factor at irregular steps, as a schedule that follows the loss does
       *[no] { "" }
    }
against-level = { SIGNAL($signal) } { $lasts ->
        [stays] ends at { AMOUNT($here, $signal, digits: 3) } (there { AMOUNT($there, $signal, digits: 3) }; apart from about { $axis } { $step } on)
        [once] { AMOUNT($here, $signal, digits: 3) } (there { AMOUNT($there, $signal, digits: 3) }; apart about { $axis } { $step })
       *[a-while] at its farthest { AMOUNT($here, $signal, digits: 3) } (there { AMOUNT($there, $signal, digits: 3) }; apart about { $axis }s { $step } to { $last })
    }
against-classes-gone = { $here } classes come among the targets up to { $axis } { $step }, where each batch that was looked at there has { $there } and more
against-only-here = { SIGNAL($signal) }, not so there (from { $axis } { $step } on)
against-only-there = no { SIGNAL($signal) } (there from { $axis } { $step } on)
against-clipped-here = gradient clipped to { G($limit, digits: 3) }, not so there (from { $axis } { $step } on)
against-clipped-there = gradient not clipped, there to { G($limit, digits: 3) } (from { $axis } { $step } on)
against-layers-here = { $count ->
        [one] a layer that is not there
       *[other] { COUNT($count) } layers that are not there
    }: { $names }{ $more ->
        [0] { "" }
       *[other] , ...
    }
against-layers-there = { $count ->
        [one] without a layer that is there
       *[other] without { COUNT($count) } layers that are there
    }: { $names }{ $more ->
        [0] { "" }
       *[other] , ...
    }
against-whether = { $yes ->
        [yes] yes
       *[no] no
    }
against-layers-differ = { $names }{ $more ->
        [0] { "" }
       *[other] , ...
    }: { $what ->
        [kind] class
        [parameters] parameters
        [trained] trained
        [given] given to the optimizer
        [weight_decay] weight decay
        [penalty] weight decay added to the gradient
       *[norm_momentum] momentum of its statistics
    } { $here } (there { $there }){ $others ->
        [0] { "" }
        [one] , and other numbers of another layer
       *[other] , and other numbers of { COUNT($others) } other layers
    }

against-edit-changed = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] { " " }in { $place }
    } `{ $here }` (there `{ $there }`)
against-edit-nested = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] { " " }in { $place }
    } `{ $here }` stands { $by ->
        [inside] { $mine ->
            [none] outside of any loop or condition
           *[other] inside `{ $mine }`
        }, there { $its ->
            [none] outside of any loop or condition
           *[other] inside `{ $its }`
        }
       *[other] under other conditions, loops or blocks than there
    }
against-edit-moved = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] { " " }in { $place }
    } `{ $here }`{ $more ->
        [0] { "" }
       *[other] { " " }and { COUNT($more) } more
    } stands in another function there
against-edit-added = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] { " " }in { $place }
    } `{ $here }`{ $more ->
        [0] { "" }
       *[other] { " " }and { COUNT($more) } more
    } (not there)
against-edit-reordered = { $file }:{ $line }{ $place ->
        [none] { "" }
       *[other] { " " }in { $place }
    } `{ $here }` stands { $by ->
        [inside] { $mine ->
            [none] outside of any loop or condition
           *[other] inside `{ $mine }`
        }, there { $its ->
            [none] outside of any loop or condition
           *[other] inside `{ $its }`
        }
        [behind] { $mine ->
            [none] first
           *[other] right after `{ $mine }`
        }, there { $its ->
            [none] first
           *[other] right after `{ $its }`
        }
       *[other] elsewhere in it there
    }
against-edit-removed = { $file }{ $place ->
        [none] { "" }
       *[other] { " " }in { $place }
    } without `{ $there }`{ $more ->
        [0] { "" }
       *[other] { " " }and { COUNT($more) } more
    } (line { $line } there)
against-option = { $name } { $here ->
        [none] not given
       *[other] { $here }
    } ({ $there ->
        [none] not given there
       *[other] there { $there }
    })
against-data-folder = { COUNT($count) } files of { $name } have other content ({ $first } among them)
against-data = the file { $name } has other content ({ COUNT($here) } bytes, there { COUNT($there) })
against-version = { $name } { $here } (there { $there })

finding-program-differs =
    .explained = The program is not the one of a run that is known to be sound (--against). What cannot change a result (comments, formatting, new names) is left out; what seldom does (logging, imports) comes last. newllm bisect runs it with one change at a time and tells which one it is.
    .sentence = { against-lead-program-differs } { $differences }{ $more ->
        [0] { "" }
       *[other] ; and { COUNT($more) } more
    }

finding-program-changed =
    .explained = The training was resumed by another program than the one that had begun it, as newllm.record kept both. What follows is another training: a jump of the loss there may come from it. What cannot change a result (comments, formatting, new names) is left out.
    .sentence = { against-lead-program-changed } { $differences }{ $more ->
        [0] { "" }
       *[other] ; and { COUNT($more) } more
    }

finding-differs-from-reference =
    .explained = Held against a run that is known to be sound (--against): settings, layers, and signals of data, targets and state that no loss decides are not as they were there. What differs from the start or before the loss parts is what to look at first. Change one of them back at a time and train again.
    .sentence = { against-lead-differs-from-reference } { $differences }{ $more ->
        [0] { "" }
       *[other] ; and { COUNT($more) } more
    }

finding-parts-from-reference =
    .explained = Losses or measures lie beyond all that a run which is known to be sound had around then (--against), by more than another seed usually brings. Where nothing that was recorded of data and settings differs, the cause is in the code of the model, of the loss or of the evaluation.
    .sentence = { against-lead-parts-from-reference } { $differences }{ $more ->
        [0] { "" }
       *[other] ; and { COUNT($more) } more
    }

finding-parts-inside =
    .explained = Where inside the model a run parts first from one that is known to be sound (--against). What parts first may lie near the cause.
    .sentence = { against-lead-parts-inside } { $differences }{ $more ->
        [0] { "" }
       *[other] ; and { COUNT($more) } more
    }

as-before-finding = { $finding } (as in { $other } before it)
unlike-finding = { $finding }; not as in { $other }: { $differences }

finding-in-reference-too =
    .explained = The run that is known to be sound (--against) has these findings too, of the same signals and no less grave. They may be worth mending, but do not make the difference between the two.
    .sentence = this is in { $other } too, so that it does not make the difference: { $kinds }

finding-as-reference =
    .explained = Nothing that was recorded differs from the run that is known to be sound (--against) by more than another seed brings. What was not recorded may still differ.
    .sentence = { COUNT($count) } settings and signals are as in { $several ->
        [yes] at least one of { $other }
       *[no] { $other }
    }, but for what another seed may bring
