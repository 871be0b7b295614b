# What English messages said in earlier newllms. A file that was written then holds these sentences beside their data; by
# them `read_message` sees that both say the same, so that the sentence comes in today's words and in every language.
# A part of this file, headed "##", holds those that were changed together, the latest first; a message that was changed
# twice stands in two. What stands in none of the parts down to one was at that time as it is today.

## until 2026-12-06
because-future-seen = the output at a position depends on the token that it should predict

## until 2026-12-02
term-numerics-in-loss = a loss that is not finite by its formula

finding-weight-decay =
    .test = Train again with a tenth of the weight decay.

finding-validation-gap =
    .sentence = validation_loss is { G($validation) } at its first evaluation, when the training loss is about { G($training) }, and { G($later, digits: 2) } times the training loss at the end: the two do not measure the same thing
    .within = validation_loss is { G($validation) } at { $axis } { $step }, when the training loss is about { G($training) } although no data had been read twice by then, and { G($later, digits: 2) } times the training loss at the end: the two do not measure the same thing
    .never = validation_loss lies between { G($low) } and { G($high) } and never falls clearly below { G($start) }, where training began, while the training loss falls to { G($training) }{ $new ->
        [yes] ; its first evaluation was within the first epoch, when no data had been read twice
       *[no] { "" }
    }: what is learnt in training is not what validation asks

finding-over-fitting =
    .sentence = { $signal } was best at { $axis } { $first } ({ G($best) }) and has risen by { G($rise, digits: 3) } since{ $training_fell ->
        [yes] , while the training loss fell
       *[no] { "" }
    }

finding-spike =
    .sentence = { $signal } { $sudden ->
        [yes] jumps from { G($base) } to { G($peak) } at { $axis } { $step } (it leaves its trend at { $onset })
       *[no] rises from { G($base) } at { $axis } { $onset } to { G($peak) } at { $step }
    } and { $outcome ->
        [recovered] recovers by { $axis } { $back }
        [partly] is down to { G($level) } by { $axis } { $back }
        [new-plateau] settles on a higher plateau
        [at-the-end] the run ends there
       *[diverged] never recovers
    }; its excess over the trend adds up to { G($cost, digits: 3) }{ $scheduled ->
        [yes] , where the learning-rate schedule starts again
        [regular] , and others like it come at equal distances
        [resumed] ; there the training was resumed, as the log goes back and over steps again
       *[no] { "" }
    }

finding-slow-divergence =
    .sentence = { $signal } has climbed from about { G($best) } at { $axis } { $first } to { G($now) } at { $last }, without a jump

finding-loss-drop =
    .sentence = { $signal } falls from { G($base) } to { G($low) } at { $axis } { $first } and is higher again after { $last }

finding-entropy-collapse =
    .sentence = { SIGNAL($signal) } falls from { G($start) } to { G($level) } and is almost zero from { $axis } { $first } on; { SIGNAL($reward) } falls from { G($before) } to { G($now) } at { $lost } and does not recover

finding-memory-growth =
    .sentence = { SIGNAL($signal) } grows steadily from { G($before) } to { G($now) } between { $axis } { $first } and { $last }

finding-not-causal =
    .sentence = { $since ->
        [none] the
       *[other] from { $axis } { $since } at the latest the
    } output before the last token depends on the last token, which it should predict: { PERCENT($share, digits: 1) } % as strongly as on the token that matters most, where a mask would leave exactly zero{ $since ->
        [none] { "" }
       *[other] , as there was at first
    }

finding-posterior-collapse =
    .sentence = { SIGNAL($signal) } falls to { G($level) } (at most { G($peak) } before) and stays there from { $axis } { $first } on{ $reconstruction ->
        [None] { "" }
       *[other] , while { SIGNAL($reconstruction) } stands at { G($stands) }
    }: the latent code carries no information

finding-preference-at-reference =
    .sentence = the loss is ln 2 from { $axis } { $first } to { $last }{ $rewards ->
        [None] { "" }
       *[other] , and { $rewards } are zero
    }: policy and reference are the same

finding-preference-without-signal =
    .sentence = { SIGNAL($signal) } is at least { G($least) } up to { $axis } { $last }; a coin toss has ln 2 = 0.6931{ $training ->
        [None] { "" }
       *[other] ; training pairs are memorised ({ G($training) })
    }
check-reason =
    .error = { $error } was raised
    .padding-fixed = changing the tokens at { COUNT($padding) } padded positions moves the outputs of rows by { G($moved, digits: 2) } of their scale; the model does not run without these positions, so that more is not known: right if it looks for the padding token itself, wrong if it reads what stands there

## until 2026-12-01
because-repeated-batch = the updates there were all made with the same batch
finding-changed-state =
    .explained = Weights, the optimizer's moments or buffers changed between two updates, neither by the optimizer nor by a forward pass: checksums of their bits after one update and before the next differ. Look for what writes to them there: a checkpoint being loaded, a clamp, an average of weights, another optimizer.

finding-validation-gap =
    .sentence = validation_loss is { G($validation) } at its first evaluation, when the training loss is about { G($training) }, and the gap stays: the two do not measure the same thing
    .within = validation_loss is { G($validation) } at { $axis } { $step }, when the training loss is about { G($training) } although no data had been read twice by then, and the gap stays: the two do not measure the same thing
    .never = validation_loss stays at about { G($validation) } and never falls clearly below { G($start) }, where training began, while the training loss falls to { G($training) }{ $new ->
        [yes] ; its first evaluation was within the first epoch, when no data had been read twice
       *[no] { "" }
    }: what is learnt in training is not what validation asks

finding-contrastive-at-chance =
    .sentence = the loss stays at { G($level) } = ln { $choices } up to { $axis } { $last } and hardly differs from batch to batch: no vector is told from another

finding-reward-falls =
    .explained = The reward is lower than it was, and stays so. If it falls from the first updates on, actions that are rewarded are made rarer: look at the sign of the advantage and of the loss first.
    .sentence = { SIGNAL($signal) } falls from { G($before) } to { G($now) } { $when ->
        [from-start] with the first updates and never rises again: actions that are rewarded are made rarer
       *[later] by { $axis } { $first } and stays there
    }

finding-spike =
    .sentence = { $signal } jumps from { G($base) } to { G($peak) } at { $axis } { $step } (it leaves its trend at { $onset }) and { $outcome ->
        [recovered] recovers by { $axis } { $back }
        [new-plateau] settles on a higher plateau
       *[diverged] never recovers
    }; its excess over the trend adds up to { G($cost, digits: 3) }{ $scheduled ->
        [yes] , where the learning-rate schedule starts again
        [regular] , and others like it come at equal distances
        [resumed] ; there the training was resumed, as the log goes back and over steps again
       *[no] { "" }
    }

finding-metric-unmoved =
    .half = { $metric } stays at a half ({ G($low) } to { G($high) } at { $count } evaluations) while the loss is learnt: of two answers that is a guess, so the part of the model that gives them has learnt nothing

finding-loss-drop =
    .explained = The training loss fell far below its trend for a while and returned to it. Usually the batches there were too easy (repeated text, padding counted in the loss): read the batches of these steps.
    .sentence = { $signal } falls from { G($base) } to { G($low) } at { $axis } { $first } and is back at its trend after { $last }: these batches were far easier than the rest

finding-reward-falls =
    .sentence = { SIGNAL($signal) } falls from { G($before) } to { G($now) } { $when ->
        [from-start] with the first updates and never rises again: actions that are rewarded are made rarer
       *[later] at { $axis } { $first } and stays there
    }

finding-bad-start =
    .far = the first loss is { G($loss) }, { G($times, digits: 2) } times the { G($level) } that the first updates bring it to by { $axis } { $there }: outputs begin far too large

finding-not-causal =
    .sentence = the output before the last token depends on the last token, which it should predict: { PERCENT($share, digits: 1) } % as strongly as on the token that matters most, where a mask would leave exactly zero

finding-throughput-drop =
    .explained = The training runs at less than a third of its usual speed: a slow disk, another job on the machine, a device that is throttled, or longer batches.
    .sentence = { SIGNAL($signal) } falls from about { G($usual) } to { G($level) } from { $axis } { $first } on

check-optimizer-holds =
    .missing = { $count ->
        [one] 1 trainable tensor ({ PERCENT($share) } % of all weights) is not in the optimizer: { names-and-more }. If it should stay as it is, set requires_grad to False
       *[other] { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all weights) are not in the optimizer: { names-and-more }. If they should stay as they are, set requires_grad to False
    }

check-gradients =
    .absent = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all weights) get no gradient: { names-and-more }. The loss does not depend on them
    .zero = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all weights) get a gradient of exactly 0 in every update: { names-and-more }

check-reason =
    .unreached = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all weights) get no gradient from this batch, and parts of the same kind beside them do: { names-and-more }. Right if they wait for other inputs, as experts and heads do, or are dropped at random; wrong if nothing ever uses them
    .other-optimizer = { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all weights) are not in this optimizer, and are in another one: { names-and-more }. Right if the loop updates both (give step= to have that checked)

check-scale =
    .sound = the largest of all outputs of { COUNT($layers) } layers is { G($largest, digits: 3) } ({ $name })

check-accumulation =
    .sound = the mean of the losses of both halves is that of the batch ({ G($whole) })

check-ids =
    .sound = of { $whole ->
        [yes] all { COUNT($rows) } rows of the data
        [found] { COUNT($rows) } rows the first { COUNT($read) } that were read were enough:
       *[no] { COUNT($read) } rows of { COUNT($rows) }, as many as time allowed,
    } { $what }
unseen-columns = columns of unknown meaning: { $columns }{ $more ->
    [0] { "" }
   *[other] { " " }and { $more } more
} (--role { $signal }=COLUMN names one)

check-gradient-scale =
    .sound = root mean squares lie between { G($least, digits: 2) } ({ $smallest }) and { G($most, digits: 2) } ({ $largest })

## until 2026-11-30
finding-hang =
    .explained = One process of a training did not come to where all others waited for it, and they ended. Look at what it did then: a process that was stopped, a disk or a driver that does not answer, a lock or a data loader that waits.
finding-rank-outlier =
    .explained = One rank of a training is unlike all others: its loss is no number, or jumps alone, or stays where theirs falls; its gradient is zero or many times as large as theirs; or it reads one batch again and again. The average over the ranks hides it. Look at what that rank reads.
finding-metric-unmoved =
    .explained = Almost nothing is left of the loss, and a metric on the same data is as low as at the start. The two do not measure the same thing: the loss is that of an easier task (the answer is among the inputs, most targets are background), or the metric is computed wrongly. Compute both by hand on one example.
notice-sharded = the model is sharded over { COUNT($ranks) } processes (parallel.mode fsdp): no text is written at evaluations (newllm generate writes one from a snapshot)
remark-hidden-layers = no layer could be observed, as inside a compiled model: activations, attention, gates and contexts are left out
check-rows =
    .wrong = changing the other rows of the batch moves the output of the first of { COUNT($rows) } rows by { G($moved, digits: 2) } of its scale, in evaluation mode too
finding-validation-gap =
    .never = validation_loss stays at about { G($validation) } and never falls below { G($start) }, where training began, while the training loss falls to { G($training) }{ $new ->
        [yes] ; its first evaluation was within the first epoch, when no data had been read twice
       *[no] { "" }
    }: what is learnt in training is not what validation asks

## until 2026-11-29
change-residual-fnn =
    .what = residual connections and norms in the FNN
    .hypothesis = Over layers without residual connections the signal vanished and then exploded.
    .price = One norm per layer; the cell runs layer by layer, which takes about twice the time.
missing-planted = { $name }: injected into a healthy segment, its cause made { $spiked } of { $n } replays spike ({ $without } without it).

## until 2026-11-28, night
recorded-leaves = The losses of this training part from those of { $path } at step { $step } ({ G($recorded, digits: 5) } there, { G($replayed, digits: 5) } here; most at step { $at }, by { G($most, digits: 3) }): { $by_chance ->
    [yes] here random numbers are drawn in another way, so the losses differ by chance.
   *[no] something was at work there that is not here, a callback for example, or the data or the weights differed.
}
finding-frozen-layer =
    .sentence = { $layers } { $count ->
        [one] is
       *[other] are
    } { $why ->
        [asked] set to be trained (requires_grad)
        [unused] not used in the loss
       *[not-given] not given to the optimizer
    } and never moves

## until 2026-11-28, evening

## until 2026-11-28
happened = The { NAMED($signal, kind: "spiked") } spikes at step { $onset }: it rises from { G($base, digits: 3) } { $height ->
    [none] without end
   *[other] by { G($height, digits: 3) } nats
} (worst at step { $peak }). { $depends_on_seed ->
    [yes] Whether it does so depends on the seed: { $spiked } of { $n } replays with another seed spike too.
   *[no] The spike recurs: { $spiked } of { $n } replays with another seed spike too.
}
helps-removes = With { $change } it is gone: no spike in { $n } fresh replays (p { G($p, digits: 2) }{ $loss ->
    [unknown] {""}
    [same] , at no cost in loss
    [behind] , { G($nats, digits: 2) } nats behind at equal steps
   *[ahead] , { G($nats, digits: 2) } nats ahead at equal steps
}){ $more ->
    [0] {""}
   *[other] ; the same with { $others }
}.
helps-unsure = Nothing removes it for sure; with { $change } { $outcome ->
    [reduces] it is smaller
    [delays] it comes later
   *[removes] it is gone, unsurely
} ({ $effect ->
    [none] { $outcome }
   *[other] { PERCENT($effect) }% of its severity is gone
}, { $n } fresh replays).
helps-nothing = Nothing that was tried takes it away.
cause-shown = The cause is { $name } ({ CLAUSE($hypothesis) }): { $alternatives } rival changes as strong leave the spike, and injected into a healthy segment it causes one in { $spiked } of { $n } replays.
cause-remedy = That is a remedy and no proof of a cause yet. { $missing }
missing-not_moved = { $name }: it did not move what it aims at ({ $signal }), so it tests nothing.
missing-dampens = { $name }: it takes { PERCENT($share) }% from a spike that it has nothing to do with, too, and nothing in the log speaks for its cause.
missing-rivals = { $name }: fewer than { $least } rival mechanisms were changed as strongly; try more of them.
missing-confirmation = { $names } removed the spike in the screen only: a longer budget (--budget, budget=) would confirm it or not.
missing-unsure = { $name }: the spike is gone in { $n } fresh replays, but without the change it often stays away too (p { G($p, digits: 2) }): whether it removes it is not sure.
missing-remedy = Nothing that was tried removes the spike: its cause is not among what was changed, or two act together.
differs-where = The unmodified replay is not the run: they part at step { $step }{ $parameter ->
    [none] {""}
   *[other] , in { $parameter }
}.
differs-so = Whatever a change did could be that difference, so nothing was changed.
differs-fix = Mend what differs (another machine, version, text, or code that is not a function of seed and step).
changed-state-shown = Up to step { $first } the replay is the run{ $exact ->
    [yes] { " " }to the bit
   *[no] {""}
}{ $recorded ->
    [yes] ; the recorder saw bits that changed after one update and before the next
   *[no] {""}
}{ $resumed ->
    [yes] ; a replay from the run's state at step { $start } is the run again, up to step { $end }
   *[no] {""}
}{ $differing ->
    [0] {""}
   *[other] ; at step { $start } the states of the two differ most in { $tensors }
}.
aim-gradient_norm_clipped = gradient norm clipped
aim-activation_rms = activation rms
aim-validation = validation
misfit-qk_norm_already = body 'attention' has QK-norm already
misfit-no_change_seen = the recorder saw nothing but the optimizer change what it would put back
misfit-carried = data.carry carries the context from each batch to the next: they have one order
misfit-not_ours = it changes a configuration of newllm train, and this is another training
misfit-whose_context = where the context is, is known of our own bodies cell and stack only
misfit-no_context = body '{ $body }' reads no context
misfit-not_a_cell = it changes the FNN of our body cell
misfit-whose_branches = which layers end a residual branch is known of our own bodies only
misfit-no_branches = body '{ $body }' has no residual branches here
misfit-whose_attention = where queries meet keys is known of our own bodies only; torch's attention leaves no place before it
misfit-no_attention = body '{ $body }' has no attention
difference-batch = at step { $step } another batch is read
difference-weights = at step { $step } the weights are others
differs-agree = { $difference }{ $parameter ->
    [none] {""}
   *[other] , first in '{ $parameter }'
}; two replays agree with each other: the record, the code or the machine is another
differs-apart = { $difference }; two replays of the same state differ from step { $step } on{ $batch ->
    [yes] , in their batches
   *[no] {""}
}{ $parameter ->
    [none] {""}
   *[other] , most in '{ $parameter }'
}{ $random_state ->
    [none] {""}
   *[other] , and the random state of { $random_state } is another after it
}{ $losses ->
    [yes] , in their losses
   *[no] {""}
}
notice-leaves = the replay leaves the run at step { $step }: finding out what differs
notice-loop = what a replay of this training takes otherwise than { $call }:
notice-loop-callbacks = callbacks of your own take no part: { $names }; where one changes the rate, weights or gradients, what is replayed is another training: loop(..., callbacks=[it]) lets it take part
notice-loop-stops = { $name } takes no part: all { COUNT($steps) } updates are trained
notice-loop-dropout = dropout and other random numbers of the model are drawn from the seed and the step: its losses are another draw than those of { $call }
notice-loop-order = the order of the data comes from the generator that dropout draws from too: from the second epoch on it is another order
recorded-leaves = The losses of this training leave those of { $path } at step { $step } ({ G($recorded, digits: 5) } there, { G($replayed, digits: 5) } here; most at step { $at }, by { G($most, digits: 3) }): { $by_chance ->
    [yes] random numbers are drawn otherwise here, so that they are another draw.
   *[no] something took part there that does not here, a callback for example, or the data or the weights were others.
}
guard-not_the_run = the unmodified replay is not the run, so that replays show nothing
guard-recovers = replayed as it was it comes back by itself, so nothing was changed
guard-passes = replayed as it was it passes by itself and { $helps ->
    [yes] what removes it costs more
   *[no] no remedy that was replayed helps
}, so nothing was changed
signal-probe = probe
signal-probe_activation_rms = probe activation rms
signal-validation = validation
signal-count = count
signal-validation_correct = validation correct
signal-validation_count = validation count
signal-validation_classes = validation classes
signal-gradient_norm_clipped = after clipping
signal-gradient_carried = gradient carried
signal-backwards = backwards
signal-update_skipped = update skipped
signal-activation_rms = activation rms
signal-activation_zero = activation zero
signal-gate_saturation = gate saturation
signal-log_z = log z
signal-logit_max = logit max
signal-logit_min = logit min
signal-tokens_unread = tokens that it does not depend on
signal-inputs_telling = places of the inputs that tell the class
signal-noise_in_input = correlation of this noise with the inputs
signal-noise_explained = share of this noise that the outputs tell
signal-attention_logit = attention logit
signal-sample = sample
signal-rows_repeated = share of rows of the update before
signal-validation_rows_seen = share of these that was trained on
signal-target_most_share = its share
signal-targets_changed = share of these with another target
signal-target_is_input = target is the input
signal-target_is_next = target is the next token
signal-target_is_second = target is the token behind the next

# Before sentences were read aloud for strangers: findings, causes, checks, changes, what a training says, remarks.

finding-spike =
    .sentence =
        { $signal } jumps from { G($base) } to { G($peak) } at { $axis } { $step } (it leaves its trend at { $onset }) and { $outcome ->
            [recovered] was back by { $axis } { $back }
            [new-plateau] settles on a higher plateau
           *[diverged] never comes back
        }; what exceeds its trend adds up to { G($cost, digits: 3) }{ $scheduled ->
            [yes] , where the schedule starts again
           *[no] { "" }
        }
    .harder-data = a harder stretch of data, where batches are not shuffled
    .other-evaluation = an evaluation on other data or at other settings than its neighbours
    .single-batch = a single bad batch that left the model as it was
    .changed-setting = a changed setting or a resume that the log does not show
    .test = Replay from a snapshot before the onset with the same batches and a smaller learning rate, and again with the batches of the onset left out.
    .while-running = seen while the training ran

finding-slow-divergence =
    .sentence = { $signal } has climbed from about { G($best) } at { $axis } { $first } to { G($now) } at { $last }, without a jump
    .harder-data = the data became harder, where it is not shuffled
    .regularisation = a regularisation that grows
    .test = Evaluate the weights of the best step and of the last on the same data.

finding-loss-drop =
    .sentence = { $signal } falls from { G($base) } to { G($low) } at { $axis } { $first } and is back behind { $last }: these batches were far easier than the rest
    .no-targets = batches without targets (all padding)
    .seen-text = text that training had shown before
    .test = Read the batches of these steps.

finding-periodic-batches =
    .sentence =
        the training loss is high at every { $every }th { $axis }, { $count } times from { $first } on{ $height ->
            [none] { "" }
           *[other] , about { G($height, digits: 2) } times the loss around it
        }
    .source = one of several sources of data is bad, and comes in turn
    .state = something disturbs the model so often: an optimizer that is made anew, a checkpoint, an evaluation
    .test = Read the batches of three of these steps beside their neighbours; evaluate one fixed batch before and after such a step.

finding-plateau =
    .sentence =
        { $signal } stands at about { G($level) } from { $axis } { $first } to { $last }{ $at_uniform ->
            [yes] , which is uniform guessing (ln V = { G($uniform) })
           *[no] { "" }
        }{ $whole ->
            [yes] : nothing was learnt
           *[no] { " " }before it falls by { PERCENT($fall) } %
        }
    .learnt-before = the run began from a model that had learnt this already
    .small-rate = the learning rate is too small for the steps given
    .test = Train on one batch only: a sound set-up brings its loss to nearly nothing.

finding-bad-start =
    .sentence = the first loss is { G($loss) }, more than ln of a million ({ G($largest) }); it has halved by { $axis } { $half }
    .far = the first loss is { G($loss) }, { G($times, digits: 2) } times the { G($level) } that the first updates bring it to by { $axis } { $there }: outputs begin far too large
    .not-scaled = inputs or targets that are not scaled
    .outputs = Print mean and standard deviation of inputs, targets and outputs before the first step.
    .other-units = the loss is summed or scaled and not per token
    .test = Print the standard deviation of the logits before the first step; it should be near 1 or below.

finding-dominated-part =
    .sentence = { $part } is a small part of the loss, the rest is { G($times, digits: 2) } times as much, and it has fallen by { PERCENT($fall) } % in the whole run
    .unlearnable = a task that cannot be learnt from these data
    .test = Train with the other parts at a weight of zero: if the task is learnt then, their weight is too large.

finding-impossible-loss =
    .sentence =
        the loss goes from { G($first) } to { G($last) }, below zero from { $axis } { $step } on{ $bottomless ->
            [yes] , and falls faster and faster
           *[no] , which a loss of classes cannot
        }
    .accuracy = { SIGNAL($signal) } is { G($loss) } where { PERCENT($accuracy) } % are right: a wrong answer costs at least ln 2, so that the others alone make it { G($floor) }
    .density = a likelihood of densities, which may sharpen without end
    .whole = an accuracy of whole texts or of other data, or a loss with weights
    .by-hand = Compute loss and accuracy of one batch from its logits by hand.
    .test = Compute the loss by hand for one batch, part by part, and see which part is below zero.

finding-not-finite =
    .sentence =
        { $signal } is not finite at { $count } of { $of } points, first at { $axis } { $first }{ $before ->
            [none] { "" }
           *[other] { " " }(before it { G($before) })
        }{ $to_the_end ->
            [yes] , and stays so to the end
           *[no] { "" }
        }
    .scaler = a loss scaler that tries its scale
    .no-target = a batch without a target (0/0)
    .test = Replay the step in float32 with the batch checked for values that are not finite.

finding-over-fitting =
    .sentence =
        { $signal } was best at { $axis } { $first } ({ G($best) }) and has risen by { G($rise, digits: 3) } since{ $training_fell ->
            [yes] , while the training loss fell
           *[no] { "" }
        }
    .surer = a few targets that grow ever surer and wrong, while most stay right: look at the accuracy
    .never-trained = tokens that never occur in training: split the loss by class
    .test = Train on more text at the same number of steps: over-fitting shrinks, the rest stays.

finding-validation-gap =
    .sentence = validation_loss is { G($validation) } at its first evaluation, where the training loss is about { G($training) }, and stays apart: the two do not measure the same thing
    .within = validation_loss is { G($validation) } at { $axis } { $step }, where the training loss is about { G($training) } although no data had been read twice by then, and stays apart: the two do not measure the same thing
    .never =
        validation_loss stays at about { G($validation) } and never falls below { G($start) }, where training began, while training comes to { G($training) }{ $new ->
            [yes] ; its first evaluation was within the first epoch, when no data had been read twice
           *[no] { "" }
        }: what is learnt in training is not what validation asks
    .scaled = validation_loss is { FIXED($times, digits: 0) } times the training loss before anything was learnt, and falls as that does: the two have other units, such as a sum and a mean, or a loss that is divided by the steps of accumulation
    .other-text = validation text of another kind than training's
    .trained-before = a run that began from a trained model
    .test = Evaluate some training batches through the evaluation's own code: it must give the training loss.

finding-training-above-validation =
    .sentence = the training loss ends at { G($training) }, the validation loss at { G($validation) }: { FIXED($times, digits: 1) } times as much
    .augmented = strong dropout, augmentation or label smoothing that is meant, which acts in training alone
    .summed = a training loss that is the sum of { $parts }, where validation is only one of them
    .test = Evaluate one training batch in evaluation mode by the evaluation's own code: the difference that is left lies in how the loss is taken.

finding-unsteady-validation =
    .sentence = validation_loss jumps between { G($low) } and { G($high) } over { $count } evaluations, where training began at { G($start) }
    .small = a validation set of a few samples
    .order = training reads its data in an order, and forgets the last kind with each new one
    .test = Evaluate the same weights twice: the two must agree. Then evaluate training data through the evaluation's own code.

finding-squashed-outputs =
    .sentence =
        the loss stands at { G($loss) }; a softmax that is applied twice cannot give less than { G($floor) } over { $classes } classes{ $accuracy ->
            [none] { "" }
           *[other] , and { PERCENT($accuracy) } % of the answers are right
        }
    .smoothing = label smoothing, which has a floor of its own
    .test = Print the sum of the model's outputs over the classes: if it is 1, they are probabilities and no logits.

finding-too-good =
    .sentence = training comes to { G($training) } and validation to { G($validation) } nats, nearly nothing by { $axis } { $step }: no text is so predictable
    .one-answer = a task with one right answer to each question, such as copying or arithmetic
    .test = Change the last token of an input: no output before it may change. Then check that targets are the inputs shifted by one.

finding-stale-evaluation =
    .sentence = { $signal } is { G($value, digits: 10) } at { $axis } { $first } and the same at { $last } ({ $times } values in a row); its usual change is { G($usual, digits: 3) }
    .equal-as-printed = two values that are equal as printed by chance
    .skipped-update = an update that was skipped, so that the model was the same
    .logged-twice = a value logged twice
    .test = Evaluate again at the later point, with the weights' norm printed at both.

finding-changed-state =
    .sentence =
        Before the update at { $axis } { $step } something else than the optimizer changed at least { $what } ({ $layers }){ $times ->
            [one] { "" }
           *[other]
                { $regular ->
                    [yes] ; it happens regularly, { COUNT($times) } times in all
                   *[no] ; it happens { COUNT($times) } times in all
                }
        }
    .weights_changed =
        { $count ->
            [one] one tensor of weights
           *[other] { COUNT($count) } tensors of weights
        }
    .frozen_changed =
        { $count ->
            [one] one tensor that is frozen
           *[other] { COUNT($count) } tensors that are frozen
        }
    .moments_changed =
        { $count ->
            [one] one of the optimizer's moments
           *[other] { COUNT($count) } of the optimizer's moments
        }
    .buffers_changed =
        { $count ->
            [one] one buffer
           *[other] { COUNT($count) } buffers
        }
    .loaded = a checkpoint of weights or of the optimizer that is loaded on the way
    .by-hand = code that writes to weights itself: a clamp, a re-initialisation, averaged weights that are put in
    .other-optimizer = a second optimizer, or a wrapper such as Lookahead, over the same weights
    .memory = a bit of the memory that flipped, or a kernel that writes past its end
    .test = Record again with a print at every place that loads, copies or clamps weights, and see which of them runs between these two updates.

finding-frozen-statistics =
    .sentence =
        The weights of { $count ->
            [one] a layer are frozen and its statistics move
           *[other] { COUNT($count) } layers are frozen and their statistics move
        } ({ $layers }), from { $axis } { $first } to { $last }
    .train = a call of model.train() that puts the frozen part into training mode with the rest
    .meant = statistics that are meant to fit the new data while the weights stay
    .test = Print module.training of the named layers in the loop; call eval() on them after each model.train().

finding-ranks-apart =
    .columns = { SIGNAL($signal) } and its likes differ between { $ranks } ranks by { PERCENT($spread, digits: 2) } % from { $axis } { $first } to { $last }, where they should be equal
    .sentence =
        The ranks part { $equal ->
            [none] at { $axis } { $step }
           *[other] after { $axis } { $equal }, by { $axis } { $step }
        }: { $part ->
            [weights]
                { $count ->
                    [one] a parameter differs
                   *[other] { COUNT($count) } parameters differ
                }
           *[other]
                { $count ->
                    [one] the optimizer's moments of a parameter differ
                   *[other] the optimizer's moments of { COUNT($count) } parameters differ
                }
        } on rank { $ranks } ({ $parameters }){ $again ->
            [yes] ; they come together again
           *[no] { "" }
        }
    .not-wrapped = steps that call the model inside the wrapper, whose gradients are not shared
    .hooks = a wrapper whose hooks were lost: a model that was moved, converted or unfrozen after it was wrapped
    .transfer = data that are lost between the processes
    .update = a step, a clip or a write to weights on one rank only
    .meant = ranks that are meant to train by themselves
    .test = Compare the gradients of the named parameter on all ranks right before the update: where they differ they were not shared, where they are equal the update differs.

finding-skipped-updates =
    .sentence = { $skipped } of { $steps } steps made no update, from { $axis } { $first } to { $last }
    .scaler = a loss scaler that looks for its scale
    .accumulation = gradient accumulation with a step told each time
    .test = Print the loss scaler's scale, or count the optimizer's own steps.
    .periodic = only every { $period }th step makes an update, as gradient accumulation does
    .stepped-rarely = an optimizer that is stepped too rarely by mistake
    .periodic-test = Call recorder.step once an update, after the optimizer's step; then this note goes away.

finding-constant-accuracy =
    .sentence =
        { $signal } is { $of ->
            [none] { G($accuracy) }
           *[other] { $right } of { $of }
        } at each of { $times } evaluations from { $axis } { $first } to { $last } while { $loss } moves by { PERCENT($moved) } %: it measures nothing of what is learnt
    .same-answer = the same answer is given to everything
    .small-count = the count is too small to move
    .test = Count how many different classes are predicted, and which targets are among the right ones.

finding-one-predicted-class =
    .sentence = the model predicts one class for everything at { $count } of { $of } evaluations ({ $axis } { $first } to { $last })
    .hardly-begun = training has hardly begun
    .mostly-one-class = one class is most of the data
    .test = Compare the accuracy with the share of the most frequent class.

finding-evaluation-in-training-mode =
    .sentence =
        { $count } evaluations ran in training mode ({ $axis } { $first } to { $last }): { $matters ->
            [yes] dropout and batch statistics are in their numbers
           *[no] this model has no layer that works otherwise then, unless it asks for the mode itself
        }
    .part-of-training = a forward pass without gradients that is part of training
    .test = Evaluate once more behind model.eval() and compare.

finding-label-frequency =
    .sentence = the training loss stands at { FIXED($loss, digits: 3) } nats, what the tokens' frequencies alone give ({ FIXED($entropy, digits: 3) }): nothing is learnt from what comes before
    .young = training is young: a plateau here is passed in many runs
    .silent-inputs = the inputs say nothing
    .test = Shuffle the inputs against the targets: if the loss stays, they are not used.
    .accuracy = { $right } of { $of } predictions are right, exactly as often as the commonest token of training comes in validation ({ PERCENT($share, digits: 1) } %): the accuracy measures that token alone
    .other-tokens = the model is right on other tokens, and as often by chance
    .accuracy-test = Count which tokens are predicted, and the right ones by token.

finding-perplexity-mismatch =
    .sentence =
        { $signal } is not e to { $loss } at { $wrong } of { $of } steps: its logarithm is { SIGNED($difference, digits: 3) } nats off{ $unit ->
            [bits] ; the loss is in bits
            [digits] ; the loss is in decimal digits
           *[none] { "" }
        }
    .averaged = the perplexities of batches were averaged, which is more than that of the average
    .other-term = one of the two has a term that the other lacks (smoothing, regularisation, padding)
    .test = Compute both from the sum of nats and the number of tokens of the same evaluation.

finding-accumulation-scale =
    .sentence =
        micro-batches are summed, not averaged: { $shows_in ->
            [loss] { "" }
           *[other] the gradient norm follows the number of backward passes (ratio { FIXED($norm_ratio, digits: 2) } where the passes' is { FIXED($passes_ratio, digits: 2) })
        }{ $shows_in ->
            [both] { " " }and{ " " }
           *[other] { "" }
        }{ $shows_in ->
            [norm] { "" }
           *[other] the first loss is { FIXED($loss_over_uniform, digits: 2) } times ln V with { FIXED($passes) } passes an update
        }
    .meant = a sum that is meant, with a learning rate that allows for it
    .test = Run one update with one large batch and one with its parts: the gradient norms must agree.

finding-gradient-carried =
    .sentence =
        the gradient { $part ->
            [yes] of a part of the parameters was not cleared (that of others was)
           *[no] was not cleared
        } before { $count } updates ({ $axis } { $first } to { $last }): each repeats the ones before it
    .grows = the gradient norm grows from { G($first) } to about { G($later) } (twice the first by { $axis } { $step }) and hardly scatters, by { PERCENT($change, digits: 1) } % from point to point: so a sum over all batches behaves, and not the gradient of one
    .on-purpose = gradients summed over several updates on purpose
    .test = Call optimizer.zero_grad() behind every optimizer.step() and compare the gradient norms.

finding-no-gradient =
    .sentence = the gradient norm is exactly 0 at all { $count } points, and nothing is learnt
    .never-seen = in { $count } updates no backward pass reached a weight, and none has moved
    .since = from { $axis } { $step } on no backward pass reached a weight that the optimizer holds, and none has moved, while it is still stepped
    .cleared = the norm is measured after the gradients were cleared
    .another = another copy of the model is trained than the one that is recorded
    .test = Run one backward pass and print which weights have a gradient, and which of them is not zero.

finding-learning-rate-jump =
    .sentence =
        learning_rate jumps from { G($before, digits: 3) } to { G($after, digits: 3) } at { $axis } { $step }{ $factor ->
            [none] { "" }
           *[other] { " " }({ G($factor, digits: 3) } times what it was)
        }{ $again ->
            [yes] , where the schedule starts again from its beginning
           *[no] { "" }
        }{ $back ->
            [none] { "" }
           *[other] , and is back at { $axis } { $back }
        }{ $resumed ->
            [yes] , where the training was resumed
           *[no] { "" }
        }
    .planned = a restart of the schedule that was planned
    .by-hand = a change by hand
    .test = Compare the rate with the schedule of the configuration at this step.

finding-learning-rate-zero =
    .sentence =
        the learning rate is { $whole ->
            [yes] nothing in the whole run
           *[no]
                nothing from { $axis } { $first } to { $last }, { PERCENT($share) } % of the run{ $gradual ->
                    [yes] : its schedule had ended, from { G($high) } at its highest
                   *[no] : it fell there at once, from { G($high) } at its highest
                }
        }
    .below = the learning rate is below zero from { $axis } { $first } on, down to { G($low) }: each update undoes what was learnt
    .groups = one group of weights is frozen, and the rate is its own
    .planned = an end that is meant, such as an evaluation alone
    .test = Print the rate of every parameter group at the end, and the number of steps that the schedule was made for.

finding-warm-up-unfinished =
    .sentence =
        the learning rate rises from { G($first) } to { G($last) } at the last { $axis } ({ $end }) and has not come to its end{ $stair ->
            [yes]
                { $every ->
                    [none] ; it moves in a stair, once in a long while
                   *[other] ; it moves in a stair, once every { $every } { $axis }s
                }
           *[no] , while the loss has fallen by { PERCENT($fall) } %
        }
    .goes-on = the run goes on, and is still in its warm-up
    .planned = a rate that is meant to rise, such as the search for a good one
    .test = Divide the steps of the warm-up by the steps of the run; call scheduler.step() where the schedule's unit says so.

finding-schedule-turned =
    .sentence = the learning rate fell to { G($low) } at { $axis } { $step } and rises again, as smoothly, to near its highest ({ G($high) }) at { $back }
    .planned = a cyclic schedule that is meant
    .test = Count the calls of scheduler.step() in one update; it should be one.

finding-resume-jump =
    .sentence =
        the log breaks off and goes on at { $axis } { $step }, and { $rate_jumps ->
            [yes] the learning rate jumps
           *[no] the loss rises by { PERCENT($rise) } %
        } there
    .updates = the updates of { PERCENT($share) } % of the layers are { G($times, digits: 2) } times as large at { $axis } { $step } as just before, though the gradient is not
    .other-data = other data from here on
    .by-hand = a setting that was changed by hand
    .test = Resume again from the same snapshot with the optimizer's state, and from the one before it.

finding-second-moment =
    .sentence = the gradient of { $worst } is { G($times, digits: 3) } times what the optimizer's second moment expects ({ $axis } { $first } to { $last }; layers: { $layers }): its updates are as much too large
    .test = Replay with a smaller beta2 (0.95), and again with the batches of these steps left out.

finding-update-ratio =
    .sentence =
        { $at_first ->
            [yes] the first update
           *[no] each update
        } changes the weights of { $worst } by { G($ratio, digits: 2) } of their norm, which is far too { $large ->
            [yes] much
           *[no] little
        } (layers: { $layers }; about 1e-3 is usual)
    .start-at-nothing = weights that are meant to start at nothing
    .hardly-used = a layer that is hardly used
    .test =
        Replay with the learning rate of { $worst } { $large ->
            [yes] divided
           *[no] multiplied
        } by ten.

finding-activation-growth =
    .sentence = { $worst } has grown { G($factor, digits: 3) }-fold, to { G($last) }, and goes on ({ $signals })
    .normalised-later = a scale that the next normalisation takes out again
    .test = Replay with a norm, or weight decay, at this place.

finding-attention-collapse =
    .sentence =
        the attention of { $layers } has collapsed: { $measure ->
            [entropy] mean entropy { G($value, digits: 3) } nats
           *[logit] logits up to { G($value) }
        } in { $worst }
    .short-rows = rows so short that there is one position to attend to
    .test = Replay with the queries and keys normalised, and again with a smaller learning rate.

finding-context-growth =
    .sentence =
        { $signal ->
            [loop_gain] the context's change
           *[other] the context
        } grows { G($factor, digits: 3) }-fold with every position (above { EXACT($limit) } from { $axis } { $first }){ $lead ->
            [none] { "" }
           *[other] , { $lead } { $axis }s before the loss shows it at { $loss_shows }
        }
    .few-positions = a context that only adds up and has few positions
    .shorter-rows = rows that became shorter
    .test = Replay with the context normalised, or its recurrent weights scaled to a gain of one.

finding-dead-units =
    .sentence = { PERCENT($share) } % of the units of { $worst } are zero at every position (layers: { $layers })
    .small-batch = a batch so small that many units are idle by chance
    .sparsity = sparsity that is meant
    .test = Look at the same layer over a larger batch; replay from before with a smaller learning rate.

finding-below-chance =
    .sentence = only { PERCENT($share, digits: 2) } % of validation is right, where a guess among { $classes } classes has { PERCENT($chance) } %: the model tells them apart, and is asked for others
    .other-classes = validation holds classes that training never had
    .test = Print predicted and true classes of some validation rows beside each other: as a rule one is the other, renamed.

finding-target-scale =
    .sentence = the loss begins at { G($loss, digits: 3) }, as of targets of about { G($root, digits: 3) }, while { $layer } gives { G($outputs, digits: 2) }: it has grown to { G($grown, digits: 3) }, and { PERCENT($left) } % of the loss is left
    .summed = a loss that is summed over very many numbers
    .test = Print mean and standard deviation of one batch of targets beside those of the outputs.

finding-always-clipped =
    .sentence = clipping cuts the gradient at every update: from a norm of usually { G($usual, digits: 3) } to { G($clipped, digits: 3) }, which leaves { PERCENT($share, digits: 1) } % of it
    .on-purpose = a rate that was chosen for gradients of this length
    .test = Train for some steps with a limit of ten times the usual norm.

finding-metric-unmoved =
    .sentence = { $metric } is { G($last) } at the end as it was { G($first) } at first, while only { PERCENT($left, digits: 1) } % of the loss of the same data is left: the two do not measure the same thing
    .waits = a metric of whole answers, which comes last
    .test = Compute the loss and the metric by hand on one example: is what the metric counts what the loss asks for?

finding-frozen-layer =
    .sentence =
        { $layers } { $count ->
            [one] is
           *[other] are
        } { $why ->
            [asked] asked for a gradient
            [unused] in no part of the loss
           *[not-given] not given to the optimizer
        } and never moves
    .new-head = { $layers }, the last layer, was not given to the optimizer and never moves, and knew nothing at the start: the loss began at { G($start) }, that of guessing among { $classes } classes
    .on-purpose = it is frozen on purpose
    .left-out = it was left out of the optimizer's groups
    .unused = its output is unused
    .test = Print the gradient of one of its weights after a backward pass: None, nothing, or a number.

finding-vanishing-gradient =
    .sentence = the gradient of { $layers } is all but nothing: that of { $worst } is { E($share) } of the largest layer's
    .zero-branch = a layer that is meant to start at nothing (a zero-initialised branch)
    .test = Plot { $signal } by depth at the first step; train again with its initialisation scaled up.

finding-vanishing-signal =
    .sentence = the output of { $layers } is all but nothing: that of { $worst } is { E($share) } of the largest layer's

finding-unknown-tokens =
    .sentence =
        { PERCENT($share) } % of what validation asks for are unknown words, { $training_percent ->
            [none] which training never has
           *[other] against { G($training_percent, digits: 2) } % of training
        }{ $part_of_loss ->
            [none] { "" }
           *[other] ; at the end they are { PERCENT($part_of_loss) } % of the validation loss
        }
    .small-vocabulary = the vocabulary was made from the training part alone and is small, as it should be
    .test = Split the validation loss by token class, or evaluate without the unknown words.
    .gap = { G($cost, digits: 3) } of the { G($gap, digits: 3) } nats between validation and training loss are targets that training never shows ({ PERCENT($share, digits: 1) } % of the validation's): this is no over-fitting
    .gap-test = Evaluate on the same sentences without their unknown words.

finding-never-trained-tokens =
    .sentence =
        { PERCENT($share, digits: 1) } % of validation are { $unit ->
            [word] words
           *[id] tokens
        } that training never has; { PERCENT($expected, digits: 1) } % are usual for this training text
    .test = List the tokens; encode both parts with the same tokenizer and count again.

finding-changed-evaluation =
    .sentence =
        from { $axis } { $step } on evaluations are of another set: { COUNT($before) } predictions{ $token_class ->
            [none] { "" }
           *[other] { " " }of class '{ $token_class }'
        } before, { COUNT($after) } then; losses before and after cannot be compared
    .batch-left-out = a batch was left out, and the set is the same otherwise
    .test = Evaluate the snapshots before and after on one set.

finding-data-order =
    .sentence = where a stretch stands in training tells { FIXED($nats, digits: 3) } nats of each token ({ PERCENT($share, digits: 1) } % of { FIXED($entropy, digits: 2) }): the data are not shuffled, and change their kind
    .by-loss = the loss rises and falls in the same way in each of { $epochs } epochs (correlation { FIXED($alike, digits: 2) } from one to the next), and neighbouring batches are alike ({ FIXED($neighbours, digits: 2) }): the data are read in an order, and not shuffled
    .by-accuracy = in { PERCENT($share) } % of { $count } logged batches either all is right or nothing: each batch holds one class, and the data are not shuffled
    .planned = a curriculum that is meant
    .single-samples = batches of one sample
    .loader = the loader shuffles what is in order here
    .read-test = Print the targets of the first ten batches; shuffle the data and train again.
    .test = Shuffle the documents once and train again; compare the loss at the borders of the kinds.

finding-leak =
    .sentence =
        { PERCENT($share) } % of validation { $window ->
            [none] documents
           *[other] tokens, in windows of { $window },
        } stand in training word for word{ $looked_at_percent ->
            [none] { "" }
           *[other] { " " }(at least: { G($looked_at_percent, digits: 2) } % of training were looked at)
        }{ $repeated ->
            [none] { "" }
           *[other] ; training repeats itself by { PERCENT($repeated) } % too
        }
    .of-this-kind = texts of this kind repeat themselves (forms, licences, a small set of possible inputs)
    .test = Take the common documents and windows out of training and train again: a leak's loss rises.

finding-near-duplicates =
    .sentence = { $near } of { $compared } validation documents are at least { PERCENT($similar) } % alike to one of training (Jaccard similarity of their shingles)
    .templates = documents of this kind differ little (templates, forms)
    .test = Split by groups of similar documents instead of by documents, and train again.

finding-repeated-windows =
    .sentence = { PERCENT($share, digits: 1) } % of the training tokens stand in windows of { $window } that came before, up to { COUNT($longest) } tokens on end
    .copies = { PERCENT($copies) } % of the training documents are copies of others
    .of-this-kind = texts of this kind repeat themselves
    .epochs = the text was repeated on purpose, as epochs
    .test = Take the repetitions out and train again; look whether the loss falls where they stand.

finding-padding-counted =
    .sentence =
        padding, { PERCENT($share) } % of validation, { $counted ->
            [yes] is counted in the evaluation
           *[no] stands among the targets; if the loss counts it, it is too low
        }{ $loss ->
            [none] { "" }
           *[other] : a loss of { FIXED($loss, digits: 3) } nats is then up to { FIXED($loss_without, digits: 3) } of real tokens
        }
    .text = what looks like padding is text
    .left-out = the loss leaves the padding out though the count does not
    .test = Set the padding's targets to the index that the loss ignores, and evaluate again.

finding-parameters-per-token =
    .sentence = { COUNT($parameters) } parameters learn from { COUNT($tokens) } tokens, { COUNT($ratio) } to each: the training part can be learnt by heart, and its loss says little
    .classifier = a classifier has one label an example, and its inputs are the larger part of the data
    .test = Train a model of a tenth of the size, or on ten times the text, and compare validation.

finding-small-validation =
    .sentence =
        validation is { $predictions } predictions{ $documents ->
            [none] { "" }
           *[other] { " " }of { $documents } documents
        }{ $best_loss ->
            [none] { "" }
           *[other] : the best loss, { FIXED($best_loss, digits: 3) } nats, is known to about ±{ FIXED($half_width, digits: 2) }, and no smaller difference means anything
        }
    .shared-tokens = the evaluations of one run share their tokens, so its own course is surer than its height
    .test = Evaluate on ten times as many tokens of other documents, or train on other splits and compare.

finding-validation-shift =
    .sentence = a single token tells { PERCENT($share) } % of whether it stands in training or in validation: the two are of different kinds
    .on-purpose = validation is of another kind on purpose
    .test = Encode both parts with one tokenizer; split the shuffled documents anew and train again.

finding-repeated-batch =
    .sentence =
        the updates from { $axis } { $first } to { $last } were all made with { $whole ->
            [yes] the same batch, row for row
           *[no] rows that had come before, while those before and behind them read new ones
        }
    .on-purpose = rows that are learnt by heart on purpose
    .test = Print the first row of each batch around these steps.

finding-evaluation-inputs =
    .sentence = inputs have mean { G($mean, digits: 2) } and standard deviation { G($std, digits: 2) } in training, and { G($other_mean, digits: 2) } and { G($other_std, digits: 2) } in evaluations
    .augmentation = augmentation or noise that is strong and acts in training alone
    .other-data = validation data that are meant to be of another kind, or of a later time
    .test = Give one and the same example to both preparations and compare what the model is given.

finding-changed-inputs =
    .sentence = from { $axis } { $step } on inputs have mean { G($other_mean, digits: 2) } and standard deviation { G($other_std, digits: 2) }; before they had { G($mean, digits: 2) } and { G($std, digits: 2) }
    .alike = from { $axis } { $step } on { PERCENT($share, digits: 2) } % of the rows of a batch are one and the same; before they all differed
    .on-purpose = a curriculum, or another source of data, that was planned
    .test = Print the mean of a batch before and behind this step, at each stage of its preparation.

finding-changed-targets =
    .sentence = { $count } inputs came again, and { PERCENT($share, digits: 2) } % of them with another target than before, from { $axis } { $first } on
    .on-purpose = targets that are made anew on purpose (clusters, labels of a teacher)
    .test = Print the first inputs of the data set with their targets, in two epochs.

finding-target-shift =
    .sentence =
        { PERCENT($share, digits: 1) } % of the targets are { $shift ->
            [0] the token that stands at the same place of the input
           *[other] the token two places on: they were shifted twice
        }
    .on-purpose =
        { $shift ->
            [0] a model that is meant to give its input back (an autoencoder, denoising)
           *[other] a head that is meant to predict the token behind the next
        }
    .test = Print the first ten tokens of an input above its targets.

finding-loss-form =
    .sentence =
        the gradient of the loss is that of { $form ->
            [softmax-twice] a softmax applied twice: the outputs are probabilities already, and the loss takes them for logits
            [log-softmax-missing] the negative output at the target: the loss takes logits for log-probabilities
            [broadcast] every output held against all targets of its batch, and not against its own: shapes [N, 1] and [N], of outputs and targets, are broadcast, all against all
            [rectified] logits that are never below zero: the least of every batch is exactly 0, as behind a ReLU
           *[other] the negative probability of the target, without its logarithm
        }
    .on-purpose = a loss that is meant to be so
    .test = newllm.check(model, optimizer, loss, batch) shows the form of the loss before the first step.
    .test-shape = Print the shapes of output and target where the loss is computed: they must be the same.

finding-single-target =
    .sentence =
        all { $count } targets that were looked at are { $is_text ->
            [yes] token
           *[other] class
        } { $target }
    .on-purpose = one class on purpose, as of a detector of what is unusual
    .test = Print the targets of three batches, and which of them count in the loss.

finding-not-causal =
    .sentence = the output before the last token depends on the last token, which it is asked for: { PERCENT($share, digits: 1) } % as strongly as on the token that counts most, where a mask leaves exactly nothing
    .on-purpose = a model that is meant to see the whole text, and is not asked for its next token
    .test = Change the last token of a batch and compare the outputs at all earlier positions; newllm.check does so too.

finding-unread-tokens =
    .sentence = the outputs depend on one token alone, and on none of { $count } others
    .on-purpose = texts that hold nothing else to be read
    .test = Print the mask beside the tokens, and change a token of the text: the output has to move.

finding-loss-multiple =
    .sentence =
        the loss is { G($times, digits: 3) } times the mean over its targets: it is summed over { $how ->
            [passes] the micro-batches of an update
           *[other] its targets
        }
    .on-purpose = a sum that is meant, with a learning rate that was chosen for it
    .test = Compare the gradient norm with that of a batch of half the size.

finding-update-in-evaluation-mode =
    .sentence =
        { $whole ->
            [yes] all updates were made in evaluation mode: dropout does nothing, and batch norms keep their statistics
           *[no] from { $axis } { $first } on updates are made in evaluation mode, and before in training mode: dropout does nothing any more, and batch norms keep their statistics
        }
    .on-purpose = a model that is trained in evaluation mode on purpose (frozen statistics)
    .test = Call model.train() behind each evaluation and compare.

finding-weight-decay =
    .sentence = weight decay alone is { PERCENT($share, digits: 2) } % of the usual update of { $worst } (layers: { $layers }); a hundredth is usual
    .on-purpose = weights that are meant to shrink, as in pruning
    .test = Train again with a tenth of the weight decay.

cause-unproved = no proof: the same is seen where another cause is at work
cause-logged = { SIGNAL($signal) } was logged, and shows nothing of it
cause-recorded = the recording would show it, and does not
because-updates-large = updates are far too large for their weights
because-from-start = the loss is above its start from { $axis } { $step } on, and stays there
because-rate-tiny = the rate is { G($rate) } at its highest, with which hardly any model is trained from its start
because-always-falls = the loss falls all along, by next to nothing
because-rate-zero = the rate is nothing from { $axis } { $step } on
because-schedule-turned = the rate rises again from { $axis } { $step } on, as smoothly as it fell
because-schedule-ended = the rate fell little by little, and is nothing from { $axis } { $step } on
because-warm-up-unfinished = the rate rises to the last point
because-schedule-restarted = the rate goes from { G($before) } to { G($after) } at { $axis } { $step }, where its schedule begins anew
because-gradient-carried = the recorder saw the last gradient still there before an update
because-gradient-grows = the gradient norm grows and hardly scatters, as a sum over all batches does
because-accumulation-scale = the gradient grows with the number of backward passes
because-loss-constant = the loss is { G($value, digits: 5) } at every point, to five digits
because-batch-with-gradient =
    loss and gradient rise for { $points ->
        [one] one point
       *[other] { $points } points
    } and are back at once
because-block = the loss is up at once, level for { $points } points, and down at once
because-data-order = batches are like their neighbours, or change their kind along the data
because-never-learnt = the usual validation loss is { G($validation) }, above the { G($start) } that training began at, while training learns
because-training-moved = the training loss moved meanwhile
because-floor = the loss stands at the least that two of them allow
because-gradient-first = the gradient was not finite first, at { $axis } { $step }, while the loss still was, and something is computed in float16
because-finite-again = the loss is finite again behind it
because-moments-forgotten = the moments, and no weights, changed { $times } times between updates
because-clipped-still = clipping leaves { PERCENT($left, digits: 5) } % of the gradient, and the recorder saw updates of nearly nothing
because-state-changed = weights or moments changed before { $axis } { $step }, and not by the optimizer
because-context-grows = the context grows with every position
because-frozen = a layer that should train never moves
because-rate-negative = the rate is below zero from { $axis } { $step } on
because-validation-unmoved = validation hardly moves from its first evaluation to its last, while training learns: it is made of other weights (an average, or old ones)
because-stands-still = all evaluations are equal to the last digit, although there are a rate and a gradient: the optimizer holds other weights
because-by-heart = training comes from { G($start) } down to { G($end) }, while validation never gains from it
because-few-train = the loss falls all along, by little, at a usual rate, while the gradient of the whole model stays as it was: few weights move
because-last-bias = the gradient scatters from batch to batch as that of the last bias alone: nothing of the inputs reaches the output
because-multiple-of-chance = the loss stands at { G($times, digits: 2) } times that of a guess which is right as often
because-own-part-small = { SIGNAL($part) } alone is about as high as the validation loss: the rest of the training loss outweighs it
because-part-subtracted = in the sum of its parts { SIGNAL($part) } has a weight below zero
because-divergence-weight = the loss is at every point the reconstruction and { G($weight, digits: 3) } times the divergence
because-mirrors-validation = the training loss is the validation loss with the other sign
because-other-units = training comes from { G($start) } to { G($end) }, while validation stays at { G($validation) } to within one percent: what is learnt is not what is asked
because-rate-high = the rate is { G($rate) }, ten times and more what such models bear with the usual optimizers
because-class-never-found = { PERCENT($accuracy, digits: 1) } % are right at every evaluation, and { SIGNAL($signal) } is zero: the rare class is never predicted
because-batch-outlier = the inputs of the update at { $axis } { $step } are far outside what all others have: { $what } { G($value, digits: 3) } in place of { G($usual, digits: 3) }
because-inputs-changed = the inputs change at { $axis } { $step }, and stay so
because-repeated-batch = the updates there were all made with one batch
because-targets-changed = { PERCENT($share, digits: 2) } % of the inputs that came again had another target than before
because-one-class = batches hold targets of few classes each
because-target-is-input = the targets are the tokens of the input themselves, at the same places
because-new-classes = the targets hold { $after } classes from there on, and { $before } before
because-back-each-time = the loss of every { $every }th batch is high, and that of the next one as before, each time
because-updates-as-set = updates of { G($ratio, digits: 2) } of the weights, as long as the learning rate lets Adam make them: all of the run together hardly move them
because-below-chance = { PERCENT($accuracy, digits: 2) } % of validation is right, where a guess has { PERCENT($chance, digits: 2) } %
because-targets-far = targets are thousands of times as large as what the model gives
because-decay = weight decay is most of what updates do
because-weights-outgrown = the first updates, with a rate of up to { G($rate) }, made most layers { G($factor, digits: 2) } times as long as they were, and nothing is learnt since
because-layers-idle =
    it is so in the first pass already, before any update: { $what ->
        [vanishing-gradient] hardly any gradient reaches { $layer }
        [dead-units] the units of { $layer } are off
       *[saturated-gates] { $layer } is at its bounds
    }
because-gradient-steep = the gradient of the very first batch is { G($gradient, digits: 2) } long at a loss of { G($loss) }, before any update
because-logits-wide = the first loss is { G($loss) }, before any update, where guessing costs { G($uniform) }: the weights give logits that lie far apart
because-units-off = the units of { $layer } are off in the first pass already, before any update
because-future-seen = the output at a position depends on the token that it is asked for
because-text-unread = the outputs depend on one token alone, and on no other of the text
because-only-padding-asked = all targets are one token: what counts in the loss is padding
because-one-target = all targets are one class
because-told-by-input =
    { $how ->
        [class]
            { $count ->
                [one] one place of the inputs alone tells
               *[other] { $count } places of the inputs, each by itself, tell
            } the class in training
       *[number] one number of the inputs follows the target in training (correlation { G($share, digits: 4) })
    }
because-unrelated-noise = the targets are drawn noise that is not in the inputs (correlation { G($correlation, digits: 1) }), and none of it is told
because-begun-anew = behind the resume at { $axis } { $step } weights are as long as at the very start, and the loss is { G($loss) } (first { G($first) }): no checkpoint was loaded
because-dropped = a dropout layer leaves out { PERCENT($share, digits: 2) } % of what it is given
because-other-targets = the most frequent target is { $after } from { $axis } { $step } on, and was always { $before } before
because-derivative-not-finite = at { $axis } { $step } the gradient is not finite, of a finite loss and finite inputs, and was calm before

check-repeatable =
    .sound = twice the same seed gave the same loss and the same gradients, to the bit
    .loss = with the same weights, batch and seed the loss is { EXACT($first) } and then { EXACT($second) }
    .gradient = the loss is the same twice, but the gradient of { $name } is not ({ COUNT($count) } tensors differ)

check-batch-kept =
    .sound =
        { $changed ->
            [0] after a pass every tensor of the batch holds the bits that it held
           *[other]
                a pass writes into the batch ({ COUNT($changed) } of its tensors), and { $fresh ->
                    [yes] the loader gives the batch anew each time
                   *[no] the loss of what is left is the same
                }
        }
    .wrong =
        a pass writes into the batch ({ $name }{ $count ->
            [one] { "" }
           *[other] { " " }and { COUNT($count) } tensors in all
        }): its loss is { G($first) }, and with what is left of it { G($second) }

check-tied =
    .sound = { $embedding } and { $head } are one weight, as the configuration says
    .wrong = the configuration says tie_word_embeddings, but { $embedding } and { $head } have a weight each

check-optimizer-holds =
    .sound =
        the optimizer holds every trainable tensor ({ COUNT($count) }) once{ $others ->
            [0] { "" }
           *[other] , and { COUNT($others) } that are not the model's
        }
    .nothing-trainable = no parameter of the model needs a gradient
    .other-model = the optimizer holds none of the model's trainable parameters: its { COUNT($others) } tensors belong to something else, such as an earlier copy of the model
    .missing =
        { $count ->
            [one] 1 trainable tensor ({ PERCENT($share) } % of all weights) is not in the optimizer: { names-and-more }. If it is meant to stay, set requires_grad to False
           *[other] { COUNT($count) } trainable tensors ({ PERCENT($share) } % of all weights) are not in the optimizer: { names-and-more }. If they are meant to stay, set requires_grad to False
        }
    .twice = { COUNT($count) } tensors are in the optimizer more than once: { names-and-more }

check-order =
    .sound =
        { $shuffled ->
            [yes] an epoch reads { COUNT($rows) } rows, none twice, and the next one in another order
           *[no] an epoch reads { COUNT($rows) } rows in the order of the data each time: they are not shuffled, which is right where the data are
        }
    .one-row = rows from all over the data ({ COUNT($rows) }) hold the same bits: the data set does not heed the number of the row
    .sorted = the rows are not shuffled, and they stand in the order of their labels: { $label } has one value in the whole first batch and rises over the data
    .same = the sampler says that it shuffles, and two epochs read { COUNT($rows) } rows in the same order

check-registered =
    .sound = the loss uses no weight that stands in a plain list or dictionary of the model
    .wrong = the loss uses { COUNT($count) } tensors of weights that the model does not know: { names-and-more }, in a plain list or dictionary. They are never trained

check-training-mode =
    .sound = layers that act otherwise in training: { COUNT($of) }, each in the mode that its weights suggest
    .wrong = { COUNT($count) } of { COUNT($of) } layers that act otherwise in training are in evaluation mode, though their weights are trained: { names-and-more }

check-shift =
    .sound = { PERCENT($share, digits: 1) } % of { COUNT($rows) } targets are the token that follows
    .same = the targets are the tokens at the same position ({ PERCENT($share, digits: 1) } % of them; { PERCENT($expected, digits: 1) } % are the next token): not shifted, the model learns to copy
    .far = the targets are the tokens { $shift } positions later ({ PERCENT($share, digits: 1) } % of them; { PERCENT($expected, digits: 1) } % are the next token): shifted { $shift } times in place of once
    .back = the targets are tokens before the position ({ $shift }; { PERCENT($share, digits: 1) } % of them): shifted the wrong way

check-causality =
    .sound = other tokens from position { $position } on moved no output before (those after by { G($later, digits: 2) } of their scale)
    .wrong = other tokens from position { $position } on moved { COUNT($count) } outputs before, by { G($earlier, digits: 2) } of their scale: the model reads what it should predict

check-rows =
    .sound =
        other rows in its batch did not move the output of the first of { COUNT($rows) } rows in evaluation mode{ $batch_norms ->
            [0] { "" }
           *[other] { " " }(in training batch norm mixes rows, as it is meant to)
        }
    .wrong = with other rows in its batch the output of the first of { COUNT($rows) } rows moves by { G($moved, digits: 2) } of its scale, in evaluation mode too

check-padding =
    .sound = other tokens at { COUNT($padding) } padded positions moved no output elsewhere, and none is a target
    .read = other tokens at { COUNT($padding) } padded positions move outputs elsewhere by { G($moved, digits: 2) } of their scale: the mask is not used
    .counted = { COUNT($counted) } of the targets are padding: they count in the loss
    .learnt = { COUNT($counted) } of { COUNT($total) } targets ({ PERCENT($share) } %) are token { $token } after token { $token }, which fills the ends of rows and stands nowhere else: padding is learnt

check-padding-row =
    .sound = the padding rows of { COUNT($count) } embeddings are zero
    .wrong = row { $row } of { $name } is padding and not zero (its length is { G($size, digits: 2) } of the mean of all): with zeros there the loss of the batch is { G($after) } in place of { G($before) }

check-vocabulary =
    .sound =
        the batch holds { COUNT($distinct) } different tokens up to { $largest }; { $name } has { COUNT($rows) } rows{ $size ->
            [0] { "" }
           *[other] , the tokenizer { COUNT($size) } tokens; { PERCENT($share) } % of the batch are unknown to it, { PERCENT($padding) } % padding
        }
    .beyond = the batch holds token { $largest }, and { $name } has { COUNT($rows) } rows
    .other-tokenizer = the batch holds token { $largest }, and the tokenizer has only { COUNT($size) }: another one made the batch
    .embedding = the tokenizer has { COUNT($size) } tokens, and { $name } { COUNT($rows) } rows: { COUNT($missing) } tokens end the training when they come
    .outputs = the tokenizer has { COUNT($size) } tokens, and the model { COUNT($classes) } outputs: { COUNT($missing) } tokens can never be predicted
    .unknown = { PERCENT($share) } % of the tokens of the batch are { $token }, the tokenizer's token for what it does not know

check-evaluation-mode =
    .sound = in evaluation mode other chance gave the same output, to the bit
    .wrong = dropout acts in evaluation mode: other chance moves the output by { G($moved, digits: 2) } of its scale

check-initial-loss =
    .sound =
        { G($nats, digits: 3) } nats a target at the beginning; guessing each of { COUNT($classes) } classes alike costs { G($uniform, digits: 3) }{ $learnt ->
            [yes] . That is far less: the weights have learnt before, or the answers can be seen
            [prior] . That is what guessing by the share of each class costs ({ G($prior, digits: 3) })
           *[no] { "" }
        }
    .wrong = { G($nats, digits: 3) } nats a target at the beginning, where guessing each of { COUNT($classes) } classes alike costs { G($uniform, digits: 3) }: the fresh model is sure of wrong answers

check-reduction =
    .sound = the weights of { COUNT($count) } targets add up to { FIXED($total, digits: 2) }
    .sum = the weights of { COUNT($count) } targets add up to { G($total) } in place of 1: the loss is a sum, and the size of a step depends on that of the batch
    .ignored = the weights of { COUNT($count) } targets add up to { FIXED($total, digits: 2) } in place of 1: the mean is taken over { COUNT($positions) } positions, also over those that do not count

check-half-precision =
    .sound = it does
    .wrong = the weights are float16 and the optimizer's epsilon of { E($epsilon) } is zero there: an update can divide by zero

check-spectral-norm =
    .sound =
        { $still ->
            [0] every pass measures the norm anew ({ COUNT($count) } weights)
           *[other] the largest singular value of { COUNT($still) } weights in evaluation mode is 1
        }
    .wrong = the largest singular value of { $name }, which is in evaluation mode, is { G($size, digits: 3) } or more in place of 1 ({ COUNT($count) } weights like it): its norm was never measured

check-step-order =
    .sound = in { $calls } calls of the step every one of { $updates } updates used gradients that were computed for it alone
    .kept = an update uses gradients that the update before has used already: nothing clears those of { names-and-more } in between
    .gone = tensors are given a gradient and have none when the optimizer updates: { names-and-more }
    .late = all gradients are scaled by { G($factor, digits: 2) } after the update that has used them, and before they are cleared: the clip comes too late

check-step-weights =
    .sound = after an update inside of autocast every linear layer that was compared computed with its present weight
    .wrong = after an update inside of autocast { COUNT($count) } linear layers compute with weights of before it: { names-and-more }

check-step-frozen =
    .sound = the loop sets a part of gradients to zero (tensors: { COUNT($count) }), and these numbers stay
    .wrong = the loop sets { COUNT($cleared) } numbers of the gradient of { $name } to zero before each of { $calls } updates, and { COUNT($moved) } of them move all the same

check-schedule =
    .sound =
        { $planned ->
            [0] the schedule is stepped once an update
           *[other] over { COUNT($planned) } steps of the schedule the rate begins at { G($first, digits: 3) }, reaches { G($peak, digits: 3) } and ends at { G($last, digits: 3) }
        }
    .other-optimizer = the schedule belongs to another optimizer, and changes no rate of this one
    .often = the schedule is stepped { G($turns) } times an update, in each of { $calls } calls of the step
    .raises = the schedule ends after { COUNT($at) } of { COUNT($planned) } steps, with an error
    .idle = from step { COUNT($at) } of { COUNT($planned) } on the learning rate is next to nothing ({ G($last, digits: 2) } in the end) beside { G($peak, digits: 2) }
    .rising = the learning rate rises over all { COUNT($planned) } steps, from { G($first, digits: 2) } to { G($last, digits: 2) }: the warm-up is longer than the run
    .turns = the learning rate falls until step { COUNT($at) } of { COUNT($planned) } and then rises again, to { G($last, digits: 2) }: the run is longer than the schedule's T_max

check-learns =
    .sound =
        on this batch alone the loss falls from { G($first) } to { G($last) } in { $updates } updates{ $factor ->
            [1] { "" }
           *[other] , at { $factor } times its learning rate (at its own too slowly to tell)
        }
    .wrong = on this batch alone the loss goes from { G($first) } to { G($last) } in { $updates } updates, and not below with up to 1,000 times the learning rate: nothing is learnt

check-reason =
    .no-time = no time was left for it
    .error = { $error } was raised
    .no-loss = the loss cannot be computed
    .no-scalar = loss(model, batch) gave { $got } where one number is needed
    .no-output = no tensor of numbers could be made out in what the model returns
    .calls =
        { $calls ->
            [0] the loss does not call the model, or a part of it, as a module
           *[other] the loss calls the model { $calls } times: which of them it is about is not known
        }
    .no-gradient = the loss has no gradient at the model's output
    .no-cross-entropy = the loss is no plain cross-entropy of the model's output
    .no-tokens = the model is given no tokens in the shape of its outputs
    .not-next-token = the targets are no shifted tokens ({ PERCENT($share) } % agree at best), as in a classifier or a masked language model
    .not-next-token-model = it does not predict the next token, and may read all of them
    .repetitive = the text of this batch repeats itself: it agrees with itself under several shifts
    .trained = the model has been trained before (the optimizer holds moments): this is a question of the beginning
    .weighted = the targets are weighted (their weights add up to { G($total) }), or the loss holds more than a mean
    .tokens-unused = the outputs do not depend on the tokens at all
    .no-rows = there are no two rows to be compared: a batch of one, a graph, or inputs of different numbers of rows
    .in-batch = every row is compared with every other, as in contrastive learning
    .time-first = the first axis may be that of positions (batch_first is False)
    .not-repeatable = the same call gives other numbers each time, so that nothing can be compared
    .other-shape = the output has another shape for other inputs
    .no-padding = the batch has no attention mask that leaves something out, and no token that only fills the ends of rows
    .samples = the model draws random numbers in evaluation too, as one that samples is meant to; there is no dropout among them
    .no-modes = the model has no layer that acts otherwise in training
    .all-in-evaluation = the whole model is in evaluation mode: hand it over as training has it (model.train())
    .slow = on this batch alone the loss falls only from { G($first) } to { G($last) } in { $updates } updates, at { $factor } times the learning rate: too slowly to tell
    .sure = the model is so sure of its answers that the weights of the targets cannot be read off
    .rate-zero = the learning rate is 0 here, as in the first step of a warm-up
    .nothing-frozen = nothing is frozen
    .rows-together = the loss of a batch is neither mean nor sum of its halves: it compares rows, or weighs them by what they hold
    .sum = the losses of both halves add up to that of the batch ({ G($whole) }): it is a sum over rows. If that is not meant, the size of a step depends on the batch
    .weighs-rows = the loss of a batch is not the mean of its halves (see whether it is a mean over the targets that count)
    .uneven = the halves hold { COUNT($first) } and { COUNT($second) } targets, so that the mean of their losses ({ G($mean) }) is not that of the batch ({ G($whole) }): if you accumulate gradients, weigh each small batch by its targets
    .no-padding-row = no embedding has a row for padding (padding_idx)
    .padding-row-unread = the row of padding is not zero, but this batch's loss does not depend on it: it holds no padding, or masks it
    .no-single-numbers = the model gives more than one number a row
    .no-targets-known = which tensor of the batch holds the targets cannot be told, or they are all the same
    .rows-unpaired = outputs and targets are compared as two sets, each as a whole, or all outputs are alike
    .targets-unused = other targets in the batch do not change the loss
    .no-single-targets = a row has more than one target, or its target is its place in the batch
    .too-few-targets = { COUNT($rows) } rows are too few: their targets could stand among the inputs by chance
    .no-end = the rows are filled up with token { $token } behind different tokens: texts have no token that ends them, or it is { $token } itself and left out with the filling
    .end-unlearnt = token { $token } stands before the padding of all rows and is never a target: right if it is part of a frame, wrong if it is what ends a text
    .no-embedding = no embedding reads whole numbers of the model's inputs
    .tokenizer-unknown = how many tokens a { $kind } has is not known
    .no-loader = no data loader was given (loader=)
    .no-ids = no tokens or classes were found among what the loader gives
    .other-loader = the loader is of type { $kind }, which is no DataLoader of torch
    .stream = the rows have no numbers: the data set is a stream
    .short-stream = the stream ends after a few batches, or repeats itself
    .no-indices = the sampler gives no numbers of rows
    .long-epoch = the sampler gives more than { COUNT($count) } rows: too many to be compared
    .no-workers = the loader has not enough workers to be compared
    .no-tensors = the loader gives no tensors
    .repeats = { COUNT($repeated) } of { COUNT($rows) } rows of an epoch have come before in it ({ COUNT($distinct) } different ones): right if they are drawn with replacement
    .set-epoch = the order changes only if the loop calls set_epoch(epoch) before each epoch: two epochs without it are the same
    .own-order = the sampler has an order of its own, and it is the same in two epochs
    .no-shards = no sampler of the loader divides rows among ranks
    .rank-fixed = the sampler gives the same rows whatever its rank attribute says: it may have read it before
    .no-step = no step of the loop was given (step=)
    .no-update = { $calls } calls of the step did no update of this optimizer
    .closure = the optimizer computes the loss within its update (a closure)
    .nothing-cleared = the loop does not set the same part of a gradient to zero each time
    .no-schedule = no schedule was given (scheduler=), and the step holds none
    .no-steps = how many updates the training will make is not known (steps=)
    .measured-schedule = the schedule goes by what is measured in training
    .long-schedule = { COUNT($count) } steps of the schedule take too long to be tried
    .schedule-per-epoch = if the schedule is stepped at each of { COUNT($planned) } updates it does not fit them (from { G($first, digits: 2) } to { G($last, digits: 2) }): right if it is stepped once an epoch (give step= to have it seen)
    .no-evaluate = no evaluation was given (evaluate=)
    .evaluation-none = the evaluation gives a { $kind } where one number is needed
    .evaluation-other = the evaluation gives { G($value) } for the batch, whose loss in evaluation mode is { G($expected) }: right if it measures something else
    .no-autocast = no automatic mixed precision is on
    .no-half = no weight is in half precision
    .no-layers = there are not enough layers of a kind that is known
    .train-changes = model.train() would still change { COUNT($count) } of the parameters and layers ({ names-and-more }), as where a model freezes a part of itself there: call it before the check, and before the first step
    .no-tie = no configuration says that embedding and head are one weight, or an adapter has taken the place of one
    .no-spectral-norm = no layer has a spectral norm
    .no-scaler = the step holds no loss scale that is on, or several
    .scale-other = with another loss scale the first update uses a gradient that differs otherwise, as of a step that draws chance or batches of its own
    .scale-skips = no update was made in { $calls } calls at this loss scale
    .no-autocast-around = no update was made inside of automatic mixed precision
    .modes-differ = in evaluation mode the output differs from that in training mode by { G($moved, digits: 2) } of its scale, though the model has neither dropout nor batch norms: right if it is meant to act otherwise there
    .schedule-first = the schedule is stepped before the update, so that its first rate ({ G($first, digits: 2) }) is never used: right if it is 0, as of a warm-up, and meant to be left out
    .step-other = the first update uses another gradient than that of the loss of this batch: right if the step draws chance or a batch of its own, or adds something
    .step-sum = the first update uses { $passes } times the gradient of the loss: those of { $passes } passes are added, not averaged. If that is not meant, the size of a step depends on their number

change-half-learning-rate =
    .what = the learning rate halved
    .hypothesis = The steps were too long.
    .price = Training takes up to twice as many steps.

change-tenth-learning-rate =
    .what = a tenth of the learning rate
    .hypothesis = The steps were several times too long.
    .price = Training takes up to ten times as many steps.

change-warm-up =
    .what = the learning rate ramped from 0 at the start
    .hypothesis = The first steps were too long for an optimizer that knew no gradients yet.
    .price = As many updates as the warm-up has do half of their work.

change-hold-learning-rate =
    .what = the learning rate held at what it was before
    .hypothesis = The learning rate rose too far: it jumped, or its schedule started again.
    .price = The schedule has to be planned anew.

change-epsilon =
    .what = Adam's epsilon { G($value) }
    .hypothesis = Gradients had become so small that Adam blew up what little they said.
    .price = Where gradients are small, learning is slower.

change-restore-moments =
    .what = Adam's moments put back where something else than the optimizer changed them
    .hypothesis = The optimizer's moments were lost, or changed by something else than the optimizer.
    .price = A copy of the moments at each update; whoever finds what changes them needs none.

change-restore-weights =
    .what = weights put back where something else than the optimizer changed them
    .hypothesis = Something else than the optimizer changed the weights.
    .price = A copy of the weights at each update; whoever finds what changes them needs none.

change-update-clipping =
    .what = updates clipped by their root mean square
    .hypothesis = Gradients outgrew what Adam's second moment knew of them, and updates became too long.
    .price = A copy of the weights at each update, and one pass over them.

change-adamw =
    .what = AdamW in the optimizer's place
    .hypothesis = How the optimizer scales its updates, or decays its weights, brought it about.
    .price = Two moments a weight; the learning rate may have to be found anew.

change-stable-adamw =
    .what = StableAdamW in the optimizer's place
    .hypothesis = The optimizer's updates were not kept to the size of the gradients that it knew.
    .price = Two moments a weight, and a copy of the weights at each update.

change-sgd =
    .what = SGD with momentum in the optimizer's place
    .hypothesis = Adam's division by its second moment brought it about.
    .price = Learning is several times slower, and the learning rate has to be found anew.

change-clip-half =
    .what = the gradient clipped at { G($value) }
    .hypothesis = A few gradients were much larger than the others, and went through.
    .price = Large gradients count less, those of rare and hard examples too.

change-clip-tenth =
    .what = the gradient clipped at { G($value) }
    .hypothesis = A few gradients were much larger than the others, and went through.
    .price = Most gradients are cut to one length: with SGD that is a smaller learning rate too.

change-z-clip =
    .what = gradients clipped whose norm is an outlier (ZClip)
    .hypothesis = A few gradients were much larger than the others, and went through.
    .price = Two numbers to keep; gradients that are large as a rule are no longer clipped.

change-adagc =
    .what = each tensor's gradient clipped at its own usual norm (AdaGC)
    .hypothesis = The gradient of one layer was much larger than it usually is.
    .price = One number a tensor to keep; gradients may grow by no more than a twentieth at once.

change-skip-batches =
    .what = the batches of the window skipped
    .hypothesis = Something in these batches brought it about.
    .price = These batches are not read; whoever wants them clean has to find what is wrong in them.

change-replace-batches =
    .what = the batches of the window replaced by later ones
    .hypothesis = Something in these batches brought it about.
    .price = Some batches are not read; whoever wants them clean has to find what is wrong in them.

change-reorder-batches =
    .what = the batches of the window and after it in another order
    .hypothesis = The order in which these batches came brought it about.
    .price = Nothing: the same batches are read.

change-other-order =
    .what = the batches in another order
    .hypothesis = The order of the data brought it about.
    .price = Nothing: the same data are read.

change-known-evaluation =
    .what = unknown words left out of the evaluation
    .hypothesis = What rises is the loss on words that training never showed, and no other.
    .price = Nothing in training; the evaluation no longer says how unknown words are predicted.

change-word-dropout =
    .what = a tenth of the training words unknown
    .hypothesis = The model never learnt what an unknown word is.
    .price = A tenth of the text is not learnt from at each reading.

change-fp32 =
    .what = numbers in fp32
    .hypothesis = bf16 rounded away what mattered.
    .price = Up to twice the time and memory of activations.

change-fp64 =
    .what = numbers in fp64
    .hypothesis = Rounding grew until it mattered.
    .price = Two to thirty times the time, twice the memory.

change-deterministic-kernels =
    .what = deterministic kernels only
    .hypothesis = Kernels that sum in another order each time brought it about.
    .price = Some operations are slower, some are not to be had.

change-context-cut-off =
    .what = the context cut off
    .hypothesis = It came by the context.
    .price = The model knows nothing but the present token: it is a control, and no remedy.

change-norm-on-write =
    .what = LayerNorm on the context as it is written
    .hypothesis = The context grew without bound.
    .price = The recurrence is no longer linear: a stack runs position after position.

change-norm-on-read =
    .what = LayerNorm on the context as it is read
    .hypothesis = The rest of the model could not bear what the context had grown to.
    .price = Two weights a channel, and the length of the context is not seen.

change-bounded-decay =
    .what = the context's decay at most { G($value) }
    .hypothesis = The context kept everything, and grew without bound.
    .price = What is more than some ten tokens back is forgotten.

change-gate =
    .what = an update gate in place of the additive rule
    .hypothesis = The additive rule never forgets, and its context grew without bound.
    .price = A gate: one more layer that reads the source.

change-ema =
    .what = an exponential moving average in place of the additive rule
    .hypothesis = The additive rule never forgets, and its context grew without bound.
    .price = A cell forgets within some ten tokens.

change-residual-fnn =
    .what = residual connections and norms in the FNN
    .hypothesis = Layer upon layer without residual connections, the signal died and then exploded.
    .price = A norm a layer; the cell runs layer by layer, which takes about twice the time.

change-dropout-off =
    .what = dropout off
    .hypothesis = What dropout left out was too much to go without.
    .price = It over-fits sooner.

change-freeze-embedding =
    .what = the embedding frozen
    .hypothesis = Updates of the embedding ran away.
    .price = The embedding learns nothing more; it may be let go again when the danger is over.

change-freeze-layer =
    .what = the layer whose gradient grew most before the onset frozen
    .hypothesis = One layer ran away, and took the others with it.
    .price = The layer learns nothing more; it may be let go again when the danger is over.

change-qk-norm =
    .what = queries and keys normalised
    .hypothesis = Attention logits grew until the attention saw one position only.
    .price = Two norms a layer; attention cannot become sharper than the width of its heads allows.

change-z-loss =
    .what = z-loss on the logits
    .hypothesis = The logits drifted away together, which the loss itself does not mind.
    .price = Next to nothing.

change-initialisation-he =
    .what = weights drawn from N(0, 2/fan-in)
    .hypothesis = The weights were too small at the start, and the signal died on its way.
    .price = The run starts anew.

change-initialisation-scaled =
    .what = weights drawn from N(0, 1/fan-in)
    .hypothesis = The weights had the wrong size at the start.
    .price = The run starts anew.

change-depth-scaled-residuals =
    .what = the outputs of residual branches scaled by depth at the start
    .hypothesis = With every residual branch the signal grew.
    .price = The run starts anew.

change-embedding-scale =
    .what = the embedding at the usual scale at the start
    .hypothesis = The embedding was much too large or too small at the start.
    .price = The run starts anew.

change-smaller-initialisation =
    .what = all matrices half as large at the start
    .hypothesis = The weights were too large at the start.
    .price = The run starts anew; a deep model without residual connections may not begin to learn.

change-rollback-and-skip =
    .what = every batch from the rollback to well behind the onset skipped
    .hypothesis = These batches, in the state that the model was in, brought it about.
    .price = These batches are not read.

change-clip-usual =
    .what = the gradient clipped at { G($value, digits: 3) }, half as much again as usual
    .hypothesis = A few gradients were much larger than the others, and went through.
    .price = Large gradients count less, those of rare and hard examples too.

train-spike = spike at step { COUNT($step) }: find what removes it with: newllm replay { $run }
train-spikes = { COUNT($count) } spikes, at steps { $steps }: find what removes them with: newllm replay { $run }
train-no_sample = no sample: after so few steps it would be noise: newllm train --resume { $run } --seconds S trains longer
train-no_time = no sample: the time is over: newllm generate { $run } writes one
study-cell_died = note: { $death }; it is run again

notice-not_in_bf16 = precision { $precision }: this processor does not compute this body in bf16
notice-shortened = { $setting } is { COUNT($now) }, not { COUNT($before) }: the budget is { COUNT($steps) } steps, and that would take too much of them
notice-done = what a kill left undone is done: { $what }
notice-time_over = the time was over at { PERCENT($share) }% of the plan, at a learning rate of { G($rate, digits: 2) }: the last updates took longer than those before
notice-no_state = no state from before it is there to be kept
notice-pin_damaged = '{ $file }' is damaged: the snapshot stays, which spike it is kept for is not known
notice-tracker_hung = { $tracker } did not come to its end in time and was stopped: RUN/trackers has its log

finding-generator-wins =
    .sentence =
        { SIGNAL($generator) } falls to { G($level) } from { $axis } { $first } on (it began at { G($start) }) while { SIGNAL($discriminator) } stays at { G($others) }{ $still ->
            [yes] { " " }and hardly scatters any more
           *[no] { "" }
        }: the discriminator does not answer
    .weak = the discriminator is far too small for its task
    .test = Train the discriminator alone for a while: its loss should fall below that of guessing.

finding-mode-collapse =
    .sentence = { SIGNAL($signal) } was as high as { G($peak) } and is at { G($level) } from { $axis } { $first } on: the samples are nearly one
    .test = Count how many different samples there are among a hundred.

finding-posterior-collapse =
    .sentence =
        { SIGNAL($signal) } falls to { G($level) } (at most { G($peak) } before) and stays there from { $axis } { $first } on{ $reconstruction ->
            [None] { "" }
           *[other] , while { SIGNAL($reconstruction) } stands at { G($stands) }
        }: the code carries nothing
    .strong-decoder = a decoder so strong that it needs no code
    .test = Decode the codes of two different inputs: the outputs are the same if the code says nothing.

finding-kl-explosion =
    .sentence = { SIGNAL($signal) } was at about { G($usual) }, runs away from { $axis } { $first } on and is at { G($level) }
    .weight = a weight of the divergence that was meant to be small
    .test = Read what the policy writes, or does, at the first such step and at the last.

finding-entropy-collapse =
    .sentence = { SIGNAL($signal) } falls from { G($start) } to { G($level) } and is gone from { $axis } { $first } on; { SIGNAL($reward) } falls from { G($before) } to { G($now) } at { $lost } and does not come back
    .solved = a policy that may well be certain, in an environment that has changed
    .test = Go on from before the collapse with a bonus for entropy: the reward should come back.

finding-reward-falls =
    .sentence =
        { SIGNAL($signal) } falls from { G($before) } to { G($now) } { $when ->
            [from-start] with the first updates and never rises again: what pays is made rarer
           *[later] at { $axis } { $first } and stays there
        }
    .environment = an environment that became harder
    .test = Train a few updates with the sign of the advantage turned round: the reward should rise.

finding-reward-stays =
    .sentence =
        { SIGNAL($signal) } stays at about { G($level) } to { $axis } { $last }{ $still ->
            [yes] , and { SIGNAL($entropy) } has not moved either: the policy is what it was
           *[no] { " " }although { SIGNAL($entropy) } has fallen by { PERCENT($moved) } %: what is learnt does not pay
        }
    .rare = a reward so rare that nothing was found yet
    .test = Reward one action in every state: its share should rise within a few updates.

finding-preference-without-signal =
    .sentence =
        { SIGNAL($signal) } is at least { G($least) } up to { $axis } { $last }, a coin has ln 2 = 0.6931{ $training ->
            [None] { "" }
           *[other] ; training pairs are learnt by heart, { G($training) }
        }
    .equal = { SIGNAL($chosen) } and { SIGNAL($rejected) } are equal from { $axis } { $first } to { $last }: chosen and rejected are the same answer
    .few-pairs = too few pairs for what they have in common
    .test = Read twenty pairs and say yourself which answer is better.

finding-evaluation-behind =
    .sentence = { SIGNAL("validation_loss") } still improves, by { G($gained) } in the second half of its evaluations, and is at { G($validation) } where training is at { G($training) }; it was behind already at { $axis } { $first }
    .harder = a validation set that is harder, or of another kind
    .test = Evaluate the batches of training by the code of the evaluation: the two losses should agree.

finding-representation-collapse =
    .sentence = { SIGNAL($signal) } goes from { G($start) } to { G($level) } and stays there from { $axis } { $first } on: all representations are nearly one
    .easy = a task that is solved as easily as that
    .test = Measure the standard deviation of each dimension over a batch of representations.

finding-auxiliary-loss =
    .sentence =
        { SIGNAL($signal) } was at about { G($usual) }, { $explodes ->
            [yes] explodes
           *[no] vanishes
        } from { $axis } { $first } on and is at { G($level) }
    .one =
        { SIGNAL($signal) } is { G($level) } from { $axis } { $first } on: { $experts ->
            [yes] one expert gets everything
           *[no] one code stands for everything
        }
    .subtracted = { SIGNAL($total) } is the sum of its logged parts with a weight of { G($weight) } for { SIGNAL($signal) }, which goes from { G($first) } to { G($last) }: it is made large, not small
    .weight = a weight of this loss that was changed on purpose
    .wanted = a part that is meant to be large, such as a bonus
    .sign = Compute the loss of one batch by hand from its parts, and compare the signs.
    .test = Print how the tokens are shared among the experts, or how much of the codebook is used.

finding-memory-growth =
    .sentence = { SIGNAL($signal) } grows steadily from { G($before) } to { G($now) } between { $axis } { $first } and { $last }
    .longer-batches = batches that grow longer by plan
    .test = Count the live tensors at two steps a hundred apart.

finding-throughput-drop =
    .sentence = { SIGNAL($signal) } falls from about { G($usual) } to { G($level) } from { $axis } { $first } on
    .test = Measure the seconds of a step with a batch in memory.

finding-early-standstill =
    .sentence = the validation loss stands at { G($level) } from { $axis } { $first } to { $last }, down from { G($start) } at the start and no further, at a learning rate of { G($rate) }
    .unigram = a model that cannot see its inputs and learns frequencies alone
    .test = Train a few hundred steps with a tenth of the rate: the loss should go on falling.

finding-ranks-alike =
    .sentence = { SIGNAL($signal) } and its likes are equal to the last digit on { $ranks } ranks from { $axis } { $first } to { $last }
    .inputs = at each of { $steps } steps that were compared, from { $axis } { $first } to { $last }, all { $ranks } ranks are given the same inputs to the bit, though their gradients are averaged
    .meant = losses that were averaged over the ranks before they were logged
    .chance = ranks that are meant to draw other random numbers for the same rows
    .test = Print the first tokens of a batch on each rank.

finding-policy-ratio-one =
    .sentence = { SIGNAL($signal) } is exactly zero at all { $points } points up to { $axis } { $last }, and no ratio is ever clipped, while the policy changes
    .one-pass = a single pass over each batch, where the ratio is one by right
    .test = Print the mean ratio in the last pass over a batch: it should be off one.

remark-repeated-steps = values of a step that came again (the later value holds)
remark-blank-cells = { $count } cells of '{ $column }' that say nan between numbers, taken for empty ones
remark-steps-begin-anew = steps begin anew in every epoch: they are counted on
remark-damaged-packing = what comes after the place where the packed file is damaged
remark-hidden-layers = no layer was seen at work, as inside a compiled model: activations, attention, gates and contexts are left out
remark-judged-evaluation = of several evaluations ({ $names }) { $name } is the one that is judged
remark-no-validation-loss = none of what the validation logs ({ $names }) is known for its loss: name it val_loss, or monitor it
remark-lost-steps =
    the trace holds nothing of { $steps }{ $more ->
        [0] { "" }
       *[other] { " " }and { $more } more stretches
    }: what was recorded there is lost
problem-trace-ends = the trace ends at step { COUNT($last) }, and the run came to { COUNT($step) }: what lies between is lost
problem-trace-link = the trace is a link that leads out, not followed
entry-link = { $files }: a link that leads out, not followed
entry-process_gone = it says running, but its process { $pid } is gone
entry-silent = it says running, but has given no sign of life for five minutes
remark-training-kind =
    taken for { $training ->
        [reinforcement] the training of a policy (reinforcement learning), whose loss measures no progress
        [adversarial] an adversarial training (a GAN), whose losses measure no progress
        [preference] a training on preferences
        [vae] the training of a variational autoencoder
        [contrastive] a contrastive training
       *[other] a regression or a likelihood of densities, whose loss falls below zero
    }, by { $columns }; --kind corrects it

## until 2026-11-26
notice-no_time_to_measure = precision { $precision }: no time to measure bf16
happened = The { NAMED($signal, kind: "spiked") } leaves its trend at step { $onset } ({ $height ->
    [none] without end
   *[other] from { G($base, digits: 3) } by { G($height, digits: 3) } nats
}, worst at step { $peak }), and it { $depends_on_seed ->
    [yes] depends on the seed
   *[no] comes back
}: { $spiked } of { $n } replays with other chance spike.
cause-shown = The cause is { $name } ({ CLAUSE($hypothesis) }): { $alternatives } rival changes as strong leave the spike, and planted into a healthy stretch it brings one about in { $spiked } of { $n } replays.
missing-reverse = { $name }: there was no reverse test (nothing to plant, no healthy stretch, or no time).
missing-planted = { $name }: planted into a healthy stretch, its cause made { $spiked } of { $n } replays spike ({ $without } without it).

finding-worse-than-uniform =
    .explained = The loss is above ln V, that of a model which finds all V tokens equally likely: knowing nothing would be better. It is sure and wrong; look first at the step at which it went above, and at how targets are made.
    .sentence = { $signal } is worse than uniform guessing over { $vocabulary } tokens (ln V = { G($uniform) }) at { $points } points from { $axis } { $first } to { $last }, at worst { G($worst) }
    .other-units = the loss is summed, scaled or regularised and so not in nats per token
    .test = Evaluate a model whose logits are all zero: its loss must be ln V.

finding-worse-than-untrained =
    .explained = The loss is above that of the model before its first step. Training has made it worse than chance: look at the step at which it went above, and go on from before it.
    .sentence = { $signal } is worse than the untrained model was ({ G($untrained) }{ $inferred ->
        [yes] , inferred from the first values
       *[no] { "" }
    }) at { $points } points from { $axis } { $first } to { $last }, at worst { G($worst) }
    .trained-before = training began from a trained model, whose loss the first value is
    .test = Evaluate the model before its first step on the same data.
