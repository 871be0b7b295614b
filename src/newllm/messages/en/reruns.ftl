# A recording's program, run again with one thing changed (newllm replay RECORDING).

## what came out
rerun-rise = The training loss { $finite ->
        [yes] rises
       *[no] is not finite
    } at step { $first }{ $rises ->
        [one] { "" }
       *[other] { " " }(rise { $number } of { $rises }; --spike takes another)
    }.
rerun-identical = The program, run again, has the losses of the recording to the bit, up to step { $steps }.
rerun-repeated = The program, run again, { $finite ->
        [yes] rises there too
       *[no] has a loss there that is not finite too
    }, but its losses are not those of the recording from step { $parted } on, as where it draws without a fixed seed, or was recorded on another machine.
rerun-other = The program, run again, { $finite ->
        [yes] does not rise there
       *[no] has finite losses there
    }: its losses leave those of the recording at step { $parted }. So nothing can be shown by changing it. Fix its seeds, and see that data and machine are those of the recording, then record and replay again.
rerun-changed-data = { $files }: not what the recording read, so put back what it was.
rerun-failed = The program, run again, ended before it came to { $finite ->
        [yes] the rise
       *[no] that step
    }{ $line ->
        [none] .
       *[other] : { $line }
    }
rerun-out-of-time = The time was up before the program came to { $finite ->
        [yes] the rise
       *[no] that step
    }: the same command with a larger --budget goes on.
rerun-by-chance = A change may seem to help by chance, so no cause is named.
rerun-remedies = { $alone ->
        [yes] { $finite ->
            [yes] The rise is gone
           *[no] The loss stays finite
        }
       *[no] { $finite ->
            [yes] It is gone too
           *[no] It stays finite too
        }
    } with { $changes }. That says what helps, not why it came.
rerun-one-update = Without the one update of step { $steps } { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }: look at the batch of that step, and at its gradient.
rerun-stays = { $finite ->
        [yes] It stays, or more than a tenth of it does,
       *[no] The loss is not finite all the same
    } with { $changes }.
rerun-since = { $what } (from step { $since } on)
rerun-unknown = What the cause is remains unknown: nothing that the optimizer was set to has moved there, or holding it did not help. What was not tried lies in the data, the model or the loss: newllm bisect looks for it, where an earlier version of the program was sound.
rerun-seen = What the doctor saw there: { $sentence }.
rerun-untried = Not tried, as the cause is shown: { $names } (--only NAME tells whether that helps too).
rerun-trials = { $count ->
        [one] The program was run once
       *[other] The program was run { COUNT($count) } times
    } up to step { $horizon }, in { G($seconds, digits: 3) } s{ $left ->
        [0] .
       *[other] ; { COUNT($left) } more to try: newllm replay { $run } goes on.
    }
rerun-injected-there = Sufficient: with the learning rate { G($factor) } times as high in steps { $first } to { $last }, where nothing was wrong, the loss rises there.
rerun-injected-not-there = With the learning rate { G($factor) } times as high in steps { $first } to { $last }, where nothing was wrong, the loss does not rise as much: something must come with it.

## causes
rerun-cause-hold-learning-rate = The cause is the learning rate from step { $first } on ({ G($within) } in place of { G($before) }): held at { G($before) }, { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }.
rerun-cause-hold-weight-decay = The cause is the weight decay from step { $first } on ({ G($within) } in place of { G($before) }): held at { G($before) }, { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }.
rerun-cause-hold-momentum = The cause is the optimizer's momentum from step { $first } on ({ G($within) } in place of { G($before) }): held at { G($before) }, { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }.
rerun-cause-clear-gradients = The cause is gradients that are carried over from one update to the next: cleared behind each update from step { $first } on, { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }.
rerun-cause-keep-state = The cause is something that changes weights or the optimizer's moments outside its steps: undone from step { $first } on, { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }.
rerun-cause-skip-not-finite = The cause is a gradient that is not finite, first at step { $first }: with no update by such a gradient, { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }.
rerun-given = The cause lies in what model and loss are given from step { $first } on, or do there: batches, targets, masks, random numbers, a state that the model carries. Without a single update from before it, and with all weights as they were, { $finite ->
        [yes] the rise is there
       *[no] the loss is not finite
    } all the same.

## what is changed
rerun-change-hold-learning-rate = the learning rate held at { G($before) } from step { $first } on
rerun-change-hold-weight-decay = the weight decay held at { G($before) } from step { $first } on
rerun-change-hold-momentum = the momentum held at { G($before) } from step { $first } on
rerun-change-clear-gradients = every gradient cleared behind its update from step { $first } on
rerun-change-keep-state = all undone that changes weights or moments outside the optimizer's steps
rerun-change-skip-updates = no updates from step { $first } on
rerun-change-skip-not-finite = no update whose gradient is not finite, from step { $first } on
rerun-change-skip-one-update = no update in step { $first } alone
rerun-change-clip-gradients = gradients clipped to { G($norm, digits: 3) } from step { $first } on
rerun-change-half-learning-rate = half the learning rate from step { $first } on
rerun-change-inject = the learning rate { G($factor) } times as high in steps { $first } to { $last }

## while it works, and as a table
rerun-begins = The training loss of { $run } { $finite ->
        [yes] rises
       *[no] is not finite
    } at step { $first }. Its program is run again up to step { $horizon }, then with { $count ->
        [one] one change
       *[other] up to { COUNT($count) } changes, one at a time
    }
rerun-edited = { $files }: edited since. What was recorded is run.
rerun-late = The time is up with { COUNT($left) } changes left to try: --budget SECONDS gives more.
rerun-tried = { $number }  { $what }: { $outcome }  ({ $steps } steps, { G($seconds, digits: 2) } s)
rerun-as-it-was = the program as it was
rerun-outcome-gone = { $finite ->
        [yes] the rise is gone
       *[no] the loss stays finite
    }
rerun-outcome-less = { G($share, digits: 2) } % of the rise is left
rerun-outcome-stays = { $identical ->
        [yes] as the recording, to the bit
       *[no] { $finite ->
            [yes] it rises
           *[no] it is not finite
        }{ $since ->
            [none] { "" }
           *[other] { " " }from step { $since } on
        }{ $larger ->
            [yes] , { G($times, digits: 2) } times as much
           *[no] { "" }
        }
    }
rerun-outcome-there = it rises there too
rerun-outcome-not-there = it does not rise there
rerun-outcome-failed = it ended too early
rerun-outcome-not-made = there was nothing to change
