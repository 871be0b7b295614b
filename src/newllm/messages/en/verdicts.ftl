# What replays show together: the three sentences of a verdict, what is missing for a cause, and what its tables say.

## what happened
happened = The { NAMED($signal, kind: "spiked") } spikes at step { $onset }: it rises { $height ->
    [none] from { G($base, digits: 3) } without end
   *[other] by { G($height, digits: 3) } nats from { G($base, digits: 3) }
} (peak at step { $peak }). { $depends_on_seed ->
    [yes] Whether it spikes depends on the seed: { $spiked } of { $n } replays with another seed spike too.
   *[no] The spike recurs: { $spiked } of { $n } replays with another seed spike too.
}
happened-unseen = The { NAMED($signal, kind: "spiked") } spikes at step { $onset }: it rises { $height ->
    [none] from { G($base, digits: 3) } without end
   *[other] by { G($height, digits: 3) } nats from { G($base, digits: 3) }
} (peak at step { $peak }). But that is too little to be told from the noise of this loss: there it rises to { G($times, digits: 2) } times its level, and up to { G($limit, digits: 2) } times could be chance.
happened-decided = { $said } That loss is too noisy to show it in every replay, so { $by } decides.
spiked-loss = training loss
spiked-validation = validation loss
spiked-gradient_norm = gradient_norm

## which change does what
helps-removes = With { $change } the spike is gone{ $stays ->
    [0] : no spike
   *[other] { " " }from { $decided }: no spike there
} in { $n } fresh replays (p { G($p, digits: 2) }{ $loss ->
    [unknown] {""}
    [same] , at no cost in loss
    [behind] , loss { G($nats, digits: 2) } nats higher at equal steps
   *[ahead] , loss { G($nats, digits: 2) } nats lower at equal steps
}){ $stays ->
    [0] {""}
   *[other] , but it stays in { $left }
}.{ $more ->
    [0] {""}
    [one] { " " }The change { $others } removes it too.
   *[other] { " " }The changes { $others } remove it too.
}
helps-unsure = No change surely removes the spike; with { $change } { $outcome ->
    [reduces] it is smaller
    [delays] it comes later
   *[removes] it is gone, but perhaps by chance
} ({ $effect ->
    [none] {""}
   *[other] { PERCENT($effect) }% of its severity is gone,{ " " }
}{ $n } fresh replays).
helps-screened = Nothing is confirmed; in the screen, from which nothing can be claimed, { $name } did best.
helps-nothing = No change that was tried removes the spike.
helps-untried = No change was tried.

## the cause
cause-shown = The cause is { $name } ({ CLAUSE($hypothesis) }): none of { $alternatives } alternative changes, each comparably strong, removes the spike, and this cause, injected into a healthy segment, makes { $spiked } of { $n } replays spike.
cause-shown_counted = The cause is { $name } ({ CLAUSE($hypothesis) }): none of { $alternatives } alternative changes, each comparably strong, removes the spike{ $once ->
    [0] {""}
    [all] { " " }(each was replayed once)
   *[other] { " " }({ $once } of them were replayed once)
}, and this cause, injected into a healthy segment, makes { $spiked } of { $n } replays spike.
cause-batches = { $said } { $count ->
    [one] Look at batch { $first }, counted from 0, which the update of step { $step } reads.
   *[other] Look at batches { $first } to { $last }, counted from 0: the update of step { $step } is the first that reads one of them.
}
cause-explained = { $said } The spike is also removed by { $names }. That does not speak against this cause: it limits all updates, or it leaves out the same batches.
cause-explained_why = { $said } The spike is also removed by { $names }. That does not speak against this cause: { $why ->
    [updates] they weaken every large update or spike, whatever its cause
    [batches] other batches are read then, too
   *[both] they weaken every large update or spike, whatever its cause, or have other batches read, too
}.
cause-remedy = A remedy is found, but no cause is shown yet. { $missing }
cause-open = No cause is shown. { $missing }
cause-suspect = { $said } By what was tried, most speaks for { $name }.
cause-none = No cause is shown.

## what is missing for a cause
missing-not_moved = { $name }: it did not move what it aims at ({ NAMED($signal, kind: "aim") }), so it tests nothing.
missing-others = { $name }: { $names } removed the spike too, by another mechanism.
missing-others_screened = { $name }: in the screen { $names } removed the spike too; a longer budget (--budget, budget=) would show whether that holds.
missing-dampens = { $name }: it also takes { PERCENT($share) }% off a spike that it has nothing to do with, and nothing in the log speaks for its cause.
missing-rivals = { $name }: fewer than { $least } alternative mechanisms were changed as strongly; more changes have to be tried.
missing-reverse = { $name }: there was no reverse test (nothing to inject, no healthy segment, or no time).
missing-reverse_nothing = { $name }: it has no reverse test, as there is nothing of it that could be injected.
missing-reverse_segment = { $name }: there was no reverse test, as the run has no healthy segment before the spike.
missing-reverse_time = { $name }: there was no time for its reverse test; a longer budget (--budget, budget=) would make it.
missing-reverse_begun = { $name }: its reverse test was begun, then the time was up; a longer budget (--budget, budget=) would end it.
missing-planted = { $name }: its reverse test did not succeed. With its cause injected into a healthy segment { $spiked } of { $n } replays spike, without it { $without }: all would have to, and none without it.
missing-confirmation = { $names } removed the spike in the screen only: a longer budget (--budget, budget=) would show whether that holds.
missing-unsure = { $name }: the spike is gone in { $n } fresh replays, but without the change it often stays away too (p { G($p, digits: 2) }): it is not sure that the change removes it.
missing-time = { $untried } of { $n } changes had no time: a longer budget (--budget, budget=) would try them.
missing-unseen = What cannot be seen cannot be seen to go, so no change was tried: larger batches or the loss of other data (validate=) would show it better.
missing-remedy = No change that was tried removes the spike: its cause is not among what was changed, or two causes act together.

## the unmodified replay
differs-where = The unmodified replay does not reproduce the run: they part at step { $step }{ $parameter ->
    [none] {""}
   *[other] , in { $parameter }
}.
differs-so = The effect of a change could not be told from that difference, so no change was tried.
differs-fix = Fix what differs (another machine, version or text, or code that is not a function of seed and step).
differs-fix_batch = Two replays of the same state read different batches there: batch has to be a function of the step alone.
differs-fix_chance = Two replays of the same state part there too: the training draws from { $generator ->
    [torch] a generator of torch
    [numpy] numpy's random numbers
   *[python] Python's random numbers
} that no replay sets back. Seed it by the step, or draw from torch's global generator.
differs-fix_kept = Two replays of the same state part there too: the training keeps something beside model and optimizer that decides what it does (an average of the weights, a best loss, a counter, a random generator of its own). Keep it in buffers of the model: then each replay begins with it as it was.

## the state changed outside the training
changed-state-where = Not reproduced: the state changed outside the training between steps { $first } and { $last }{ $parts ->
    [0] {""}
   *[other] { " " }({ $what })
}.
changed-state-weights = weights of { $layers }
changed-state-frozen = frozen weights of { $layers }
changed-state-moments = the optimizer's moments of { $layers }
changed-state-buffers = buffers of { $layers }
changed-state-shown = Up to step { $first } the replay equals the run{ $exact ->
    [yes] { " " }to the bit
   *[no] {""}
}{ $recorded ->
    [yes] ; the recorder saw bits that changed after one update and before the next
   *[no] {""}
}{ $resumed ->
    [yes] ; a replay from the run's state at step { $start } equals the run again, up to step { $end }
   *[no] {""}
}{ $differing ->
    [0] {""}
   *[other] ; at step { $start } the states of the two differ most in { $tensors }
}.
changed-state-fix = { $before ->
    [yes] So no intervention was tried: the cause is not in the training. Look for what writes to the state at that step: a checkpoint that was loaded, code beside the optimizer, another process; if nothing does, suspect memory or disk. Then train again from before step { $first }
   *[no] The spike began before it, and was not replayed: what writes to the state at that step has to be found first. Then train again from before step { $first }
}.

## the unmodified replay, in the tables
exact-differs = differs from the run: { $difference }
exact-unknown = there was nothing to compare it with
exact-same = { $tolerance ->
    [none] identical to the bit
   *[other] the same within { $tolerance }
}{ $steps ->
    [0] {""}
    [one] { " " }over { COUNT($steps) } step
   *[other] { " " }over { COUNT($steps) } steps
}, { $weights ->
    [yes] weights too
   *[no] losses alone: no later weights were kept
}
difference-unknown = it is not known where

## replays with other chance
other_chance = { COUNT($spiked) } of { COUNT($n) } spike with another seed{ $places ->
    [0] {""}
   *[other] , from { $starts }
}{ $depends_on_seed ->
    [yes] : it depends on the seed, so shares are compared
   *[no] {""}
}
from_step = step { COUNT($step) }

## one change
tried-change = { CAPITAL($change) }, from step { COUNT($start) }.
tried-price = If kept: { LOWER($price) }
tried-moved = It { $moved ->
    [yes] moved
   *[no] did not move
} what it aims at, { NAMED($signal, kind: "aim") }{ $ratio ->
    [none] {""}
   *[other] , to { G($ratio, digits: 3) } times that of the null replays
}.
tried-dampens = It also takes { PERCENT($share) }% off a control spike, which it has nothing to do with.
tried-left = The spike stays in { $losses }.
tried-left_in = { $loss } ({ COUNT($spiked) } of { $n })
tried-left_smaller = { $loss } ({ COUNT($spiked) } of { $n }, at { PERCENT($share) } % of its severity)
between_sentences = { " " }
aim-update_ratio = update ratio
aim-second_moment_mismatch = second moment mismatch
aim-gradient_norm_clipped = gradient norm after clipping
aim-context_norm = context norm
aim-activation_rms = activation RMS
aim-batches = batches
aim-validation = validation loss
aim-numerics = numerics
aim-state = state
aim-dropout = dropout
followed-loss = the training loss
followed-probe = the probe loss
followed-validation = the validation loss
followed_of = { $loss } of { $class } tokens

## what speaks for a cause
shown-by = removed by
shown-moved = signal moved
shown-moved_to = { NAMED($signal, kind: "aim") }{ $ratio ->
    [none] {""}
   *[other] , to { G($ratio, digits: 3) } times that of the null replays
}
shown-alternatives = alternatives that do not remove it
shown-explained = removes it too, for another reason
shown-injected = injected
shown-injected_in = { COUNT($spiked) } of { COUNT($n) } replays spike ({ COUNT($without) } without it), in a healthy segment from step { COUNT($start) }
suspected = { $intervention } { $outcome ->
    [removes] removes the spike
    [reduces] reduces the spike
    [delays] delays the spike
    [no-effect] has no effect
   *[undecided] is undecided
}{ $stage ->
    [screened] { " " }in the screen only
   *[confirmed] {""}
}; it { $moved ->
    [yes] moved
   *[no] did not move
} the signal that it aims at{ $injected ->
    [yes] ; its cause, injected, produces a spike
   *[no] {""}
}
suspected-dampens = { $suspected }; takes { PERCENT($share) }% off a control spike too

replays_show = Its replays: { $sentence }
