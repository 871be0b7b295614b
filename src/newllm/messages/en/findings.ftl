# What is said of each kind of finding.

# The unit of the axis, which other sentences hold; English ones need it not.
axis-unit = { $axis }

# Names of layers or signals, of which only the first are written out.
names-and-more = { $names }{ $more ->
    [0] { "" }
   *[other] { " " }and { $more } more
}

# A layer, or a weight, whose name is a number.
layer-of-kind = layer { $name } ({ $kind })
weight-of-kind = { $name } ({ $kind })
layer-number = "{ $name }"
layer-signal = { SIGNAL($signal) } of { $layer }

# A finding shortly behind what somebody planned.
planned-finding = { $finding } (planned: "{ $text }" from { $axis } { $step } on)

# What changed at the step of a finding.
changed-finding = { $finding }. { $changes }
changes-found = What changed then or shortly before: { $changes }{ $looked ->
        [0] { "" }
        [one] ; not so the other signal ({ $groups })
       *[other] ; not so the other { $looked } signals of { $groups }
    }
changes-none = Of what was looked at ({ $looked } signals of { $groups }) nothing changed then or shortly before
changes-of_inputs = inputs
changes-of_targets = targets
changes-of_loss = the form of the loss
changes-of_state = state
changes-of_setting = settings
changes-of_column = columns of the log
changes-of_evaluation = evaluations
change = { SIGNAL($signal) }{ $how ->
        [state] { "" }
        [rising] , rising from { G($before, digits: 3) } to { G($value, digits: 3) }
       *[number] , from { G($before, digits: 3) } to { G($value, digits: 3) }
    } ({ $after ->
        [none] { $lasts ->
            [once] { $axis } { $step } alone
            [a-while] { $axis }s { $step } to { $last }
           *[stays] from { $axis } { $step } on
        }
       *[other] between { $axis }s { $after } and { $step }
    }{ $how ->
        [lowered] ; a lower one by itself makes no loss rise
       *[other] { "" }
    })

finding-spike =
    .explained = The loss rose above its trend by far more than it usually scatters, and recovered. The model may have lost what it had learnt: replay the run from before the spike (newllm replay) to see which change removes it.
    .sentence = { $signal } { $sudden ->
        [yes] jumps from { G($base) } to { G($peak) } at { $axis } { $step } (it leaves its trend at { $onset })
       *[no] rises from a level of { G($base) } before { $axis } { $onset } to { G($peak) } at { $step }
    } and { $outcome ->
        [recovered] recovers by { $axis } { $back }
        [partly] is down to a level of { G($level) } after { $axis } { $back }
        [new-plateau] settles on a higher plateau
        [at-the-end] the run ends there
       *[diverged] never recovers
    }; its excess over the trend adds up to { G($cost, digits: 3) }{ $scheduled ->
        [yes] , where the learning-rate schedule starts again
        [regular] , and others like it come at equal distances
        [resumed] ; there the training was resumed, as the log goes back and over steps again
       *[no] { "" }
    }
    .balance = an opponent that catches up: the loss began at zero, fell below and is back at about zero, as that of a critic does
    .harder-data = a harder part of the data, if batches are not shuffled
    .other-evaluation = an evaluation on other data, or with other settings, than those before and after it
    .single-batch = a single bad batch that left the model as it was
    .lost-at-resume = what was lost or changed at the resume: the optimizer's moments, the place in the schedule or in the data
    .changed-setting = a changed setting or a resume that the log does not show
    .test = Replay from a checkpoint before the onset with the same batches and a smaller learning rate, and again with the batches of the onset left out.
    .while-running = seen while the training ran

finding-diverged =
    .explained = The loss rose above its trend and never recovered. Training since then is of no use: go back to a checkpoint from before the rise, and replay from there with one change at a time.
    .lost = { $signal } was down to { G($low) } at { $axis } { $lowest }, is up again by { $end } and stands at { G($now) } since, near where it began ({ G($start) }): what was learnt is lost

finding-slow-divergence =
    .explained = The training loss has climbed slowly, over a long time, from the best value it had reached. No single step shows it: evaluate the best checkpoint and the last on the same data, then go on from the best with a smaller learning rate.
    .sentence = { $signal } has climbed from a level of { G($best) } around { $axis } { $first } to one of { G($now) } by { $last }, without a jump
    .harder-data = the data became harder, if they are not shuffled
    .regularisation = a regularisation term that grows
    .test = Evaluate the weights of the best step and of the last on the same data.

finding-loss-drop =
    .explained = The training loss fell far below its trend for a while. The batches there may have been too easy (repeated text, padding counted in the loss), or what was learnt there was lost again: read the batches of these steps.
    .sentence = { $signal } falls from { G($base) } to { G($low) } at { $axis } { $lowest } and is higher again after { $last }
    .no-targets = batches without targets (all padding)
    .seen-text = text that training had shown before
    .test = Read the batches of these steps.

finding-two-levels =
    .explained = From one step on a part of the batches has a far higher loss than the others, and hardly one lies between. Before that all were alike. A part of the data is prepared otherwise since then: labels, masks, augmentation, a new source.
    .sentence = from { $axis } { $first } on the loss lies at two levels: { PERCENT($share) } % of the batches have about { G($high) }, the others about { G($low) }; before that it lay at one
    .other-data = a second source of data that is harder and is mixed in from there on
    .test = Read two neighbouring batches, one of each level: inputs, targets and what was done to them.

finding-periodic-batches =
    .explained = The training loss is high at equal distances: every k-th batch is bad, or something disturbs the model every k steps. Read the batches of these steps, and look for what else happens every k steps.
    .sentence = the training loss is high once every { $every } { $axis }s, { $count } times from { $first } on{ $height ->
        [none] { "" }
       *[other] , about { G($height, digits: 2) } times the loss around it
    }
    .first-of-epoch = the first number of each epoch is a sum of one batch more than the others, divided by as many: the log, not the training
    .source = one of several sources of data, which take turns, is bad
    .state = something disturbs the model at this interval: an optimizer that is created anew, a checkpoint, an evaluation
    .test = Read the batches of three of these steps beside their neighbours; evaluate one fixed batch before and after such a step.

finding-plateau =
    .explained = The loss has hardly fallen from its first point to its last: nothing was learnt. First train on a single batch; a sound set-up brings its loss close to zero.
    .sentence = { $signal } stands at about { G($level) } from { $axis } { $first } to { $last }{ $at_uniform ->
        [yes] , which is uniform guessing (ln V = { G($uniform) })
       *[no] { "" }
    }{ $whole ->
        [yes] { $learnt ->
            [yes] , although { SIGNAL($measure) } has risen from { G($was) } to { G($is) }
           *[no] : nothing was learnt
        }
       *[no] { " " }before it falls by { PERCENT($fall) } %
    }
    .chance = after { COUNT($updates) } updates the loss is { G($level) }, where guessing among { COUNT($classes) } classes has { G($guess) }, and { PERCENT($right) } % of the targets are answered rightly: hardly anything was learnt
    .unlearnable = inputs that say next to nothing about their classes
    .learnt-before = the run began from a model that had already learnt this
    .small-rate = the learning rate is too small for the number of steps
    .test = Train on one batch only: a sound set-up brings its loss close to zero.

finding-worse-than-uniform =
    .explained = The loss is above ln V, the loss of a model that finds all V tokens equally likely: knowing nothing would be better. The model is confidently wrong: look first at the step at which its loss rose above ln V, and at how targets are made.
    .sentence = { $signal } is worse than uniform guessing over { $vocabulary } tokens (ln V = { G($uniform) }) at { $points ->
        [one] { $axis } { $first }, with
       *[other] { $points } points from { $axis } { $first } to { $last }, at worst
    } { G($worst) }
    .other-units = the loss is summed, scaled or regularised and so not in nats per token
    .test = Evaluate a model whose logits are all zero: its loss must be ln V.

finding-worse-than-untrained =
    .explained = The loss is above that of the model before its first step: training has made the model worse than no training at all. Look at the step at which the loss rose above that value, and go on from before it.
    .sentence = { $signal } is worse than the untrained model was ({ G($untrained) }{ $inferred ->
        [yes] , inferred from the first values
       *[no] { "" }
    }) at { $points ->
        [one] { $axis } { $first }, with
       *[other] { $points } points from { $axis } { $first } to { $last }, at worst
    } { G($worst) }
    .trained-before = training began from a trained model, and the first value is that model's loss
    .test = Evaluate the model before its first step on the same data.

finding-bad-start =
    .explained = The first loss is larger than that of a model which finds a million tokens equally likely, or far above what the first updates bring it to: the model starts out confidently wrong. Look at the scale of the last layer and of the embeddings at the start.
    .sentence = the first loss is { G($loss) }, more than ln(1,000,000) = { G($largest) }; it has halved by { $axis } { $half }
    .far = the first loss is { G($loss) }, { COUNT($times) } times the { G($level) } that the first updates bring it to by { $axis } { $there }: outputs begin far from the targets
    .not-scaled = inputs or targets that are not scaled
    .outputs = Print mean and standard deviation of inputs, targets and outputs before the first step.
    .other-units = the loss is summed or scaled and not per token
    .test = Print the standard deviation of the logits before the first step; it should be near 1 or below.

finding-dominated-part =
    .explained = One part of the loss outweighs the task's own part by far, so that the task is hardly learnt. Weight the parts so that their gradients are of similar size, and log each of them.
    .sentence = { $part } is a small part of the loss (the rest is { G($times, digits: 2) } times as large) and has itself fallen by { PERCENT($fall) } % in the whole run
    .unlearnable = a task that cannot be learnt from these data
    .test = Train with the other parts at a weight of zero: if the task is learnt then, their weight is too large.

finding-impossible-loss =
    .explained = The loss is lower than it can be: it falls without limit, or is a classification loss below zero. One of its terms has the wrong sign, something that is no log-probability is passed as one, or targets are out of range.
    .sentence = the loss goes from { G($first) } to { G($last) }, below zero from { $axis } { $step } on{ $bottomless ->
        [yes] , and falls faster and faster
       *[no] , where no classification loss can be
    }
    .function = the loss goes from { G($first) } to { G($last) }, below zero from { $axis } { $step } on, where { $function ->
        [ctc] a CTC loss cannot be: its targets hold the blank (index 0 unless blank= says otherwise), or it is given no log-probabilities
       *[binary] a binary cross-entropy cannot be: its targets lie outside of 0 to 1
    }
    .accuracy = { SIGNAL($signal) } is { G($loss) } although only { PERCENT($accuracy) } % of the answers are right: each wrong one costs at least ln 2, so the wrong ones alone make it at least { G($floor) }
    .density = a likelihood of continuous values (a density), which can rise without limit
    .whole = an accuracy of whole texts or of other data, or a weighted loss
    .divided = losses that are divided once more in the log (by the batch size, or by the number of rows where they were means of batches)
    .by-hand = Compute loss and accuracy of one batch from its logits by hand.
    .test = Compute the loss by hand for one batch, part by part, and see which part is below zero.

finding-not-finite =
    .explained = A loss or gradient is NaN or infinite. Every weight that such an update touches is lost: go back to a checkpoint from before it, and run that step in float32 with its batch checked for values that are not finite.
    .sentence = { $signal } is not finite at { $count } of { $of } points, first at { $axis } { $first }{ $before ->
        [none] { "" }
       *[other] { " " }(before it { G($before) })
    }{ $to_the_end ->
        [yes] , and stays so to the end
       *[no] { "" }
    }
    .begun = { $signal } is not finite at { $count } of { $of } points, first at { $axis } { $first }{ $before ->
        [none] { "" }
       *[other] { " " }(before it { G($before) })
    }{ $to_the_end ->
        [yes] , and stays so to the end
       *[no] { "" }
    }; at { $axis } { $since } the gradient of { $lost ->
        [none] every layer is not finite
       *[other] { $lost } is not finite and that of { $kept } is: it goes wrong between them
    }
    .scaler = a loss scaler that is searching for its scale
    .nothing-yet = a mean that was printed before there was anything to take it of
    .no-target = a batch without a target (0/0)
    .test = Replay the step in float32 with the batch checked for values that are not finite.

finding-over-fitting =
    .explained = The validation loss rises while the training loss goes on falling: the model memorises its text. Keep the checkpoint with the best validation loss; more text, or a smaller model, helps.
    .sentence = { $signal } was best at { $axis } { $first } ({ G($best) }) and has risen by about { G($rise, digits: 3) } since{ $training_fell ->
        [yes] , while the training loss fell
       *[no] { "" }
    }
    .surer = the model grows ever more confidently wrong about a few targets, while most stay right: look at the accuracy
    .never-trained = tokens that never occur in training: split the loss by class
    .test = Train on more text for the same number of steps: over-fitting shrinks, anything else stays.

finding-validation-rises =
    .explained = The validation loss rises, and not because training goes on learning its own data: the training loss does not fall meanwhile. So it is no overfitting. Keep the checkpoint with the best validation loss, and look for what changed after it, in training and in the evaluation.
    .sentence = { $signal } was best at { $axis } { $first } ({ G($best) }) and has risen by about { G($rise, digits: 3) } since{ $training ->
        [rose] ; the training loss rose as well
        [stood] , while the training loss stood
       *[unknown] ; there is no training loss to compare it with
    }
    .test = Evaluate the weights of the best step and of the last with the same code, on validation data and on a fixed part of the training data.

finding-validation-gap =
    .explained = From the first evaluation on, validation and training disagree by more than what was learnt by then explains. An untrained model does equally badly on both, so the two may be prepared differently, or one of them may read few rows only: evaluate training batches with the evaluation's own code, and count the rows.
    .sentence = validation_loss is { G($validation) } at its first evaluation, when the training loss is about { G($training) }, and { G($later, digits: 2) } times the training loss at the end; that alone does not say why: the two may be measured or prepared differently, or one of them may read few rows only
    .within = validation_loss is { G($validation) } at { $axis } { $step }, when the training loss is about { G($training) } although no data had been read twice by then, and { G($later, digits: 2) } times the training loss at the end; that alone does not say why: the two may be measured or prepared differently, or one of them may read few rows only
    .never = validation_loss lies between { G($low) } and { G($high) } and never falls clearly below { G($start) }, where training began, while the training loss falls to { G($training) }{ $new ->
        [yes] ; its first evaluation was within the first epoch, when no data had been read twice
       *[no] { "" }
    }: what is learnt in training does not help validation
    .scaled = validation_loss is { FIXED($times, digits: 0) } times the training loss before anything was learnt, and falls in step with it: the two have different units, such as a sum and a mean, or a loss that is divided by the number of accumulation steps
    .chosen = validation_loss is { G($validation) } at its first evaluation, when the training loss is about { G($training) }: an evaluation chooses among { COUNT($many) }, training among { COUNT($few) }, which makes about this difference
    .other-text = validation text of another kind than the training text
    .trained-before = a run that began from a trained model
    .test = Evaluate some training batches with the evaluation's own code: it must give the training loss.

finding-training-above-validation =
    .explained = The training loss ends far above the validation loss. Dropout and augmentation do that, and so does a loss that is summed, scaled, or computed over another axis: evaluate a training batch with the evaluation's own code.
    .sentence = the training loss ends at { G($training) }, the validation loss at { G($validation) }: { FIXED($times, digits: 1) } times as much
    .expected = the training loss ends at { G($training) }, the validation loss at { G($validation) }: { FIXED($times, digits: 1) } times as much, as is to be expected from { $because }
    .augmented = intended strong dropout, augmentation or label smoothing, which acts in training alone
    .dropped = dropout (of { PERCENT($share) } %), augmentation or label smoothing, which acts in training alone
    .summed = a training loss that is the sum of { $parts }, of which the validation loss is only one
    .per-row = a loss that is summed over the { COUNT($rows) } rows of an update, where that of the validation is a mean of them
    .share = a share of errors in place of a loss: each evaluation is a multiple of 1 / { $cases }
    .scaled = one measure in two units, as a sum and a mean: it is as many times as much at each evaluation
    .other-measure = two measures that are not the same: it was { FIXED($times, digits: 1) } times as much when training had hardly begun
    .soft = targets that are mixed or smoothed, with an entropy of { G($entropy) } nats that no loss can come below
    .noisy = noise in the targets of training, of which single batches scatter as much, and which validation does not have
    .running-mean = a running mean of the training loss, which comes down later than the loss
    .test = Evaluate one training batch in evaluation mode with the evaluation's own code: whatever difference is left lies in how the loss is computed.

finding-unsteady-validation =
    .explained = The validation loss jumps from one evaluation to the next by much of what there is to learn, although the data stay the same. Look at what is random in the evaluation, and at the statistics that normalisation layers have stored.
    .sentence = validation_loss jumps between { G($low) } and { G($high) } over { $count } evaluations, where training began at { G($start) }
    .small = a validation set of a few samples
    .order = training reads its data sorted by kind, and forgets the last kind with each new one
    .test = Evaluate the same weights twice: the two values must agree. Then evaluate training data with the evaluation's own code.

finding-squashed-outputs =
    .explained = The loss stays at the lowest value that a softmax applied twice allows, while the model is right nearly everywhere. Give the loss the logits, without a softmax before it.
    .sentence = the loss stays at { G($loss) }; with a softmax applied twice over { $classes } classes it cannot fall below { G($floor) }{ $accuracy ->
        [none] { "" }
       *[other] , and { PERCENT($accuracy) } % of the answers are right
    }
    .smoothing = label smoothing, which has a floor of its own
    .test = Print the sum of the model's outputs over the classes: if it is 1, they are probabilities, not logits.

finding-too-good =
    .explained = The loss is almost zero on held-out data as well: the model sees what it should predict. Check that targets are shifted by one, that no mask is missing, and that no input holds the answer.
    .sentence = the training loss falls to { G($training) } and the validation loss to { G($validation) } nats, almost zero by { $axis } { $step }: no text is so predictable
    .low = the training loss falls to { G($training) } and the validation loss to { G($validation) } nats a token by { $axis } { $step }: of so many tokens code leaves a good model about 1, prose 2 and more
    .one-answer = a task with one right answer to each question, such as copying or arithmetic
    .test = Change the last token of an input: no output at an earlier position may change. Then check that targets are the inputs shifted by one.

finding-stale-evaluation =
    .explained = Evaluations at different steps gave exactly the same value although the weights moved: they measured old weights, or a cached result. Evaluate again, and print the norm of the weights beside the value.
    .sentence = { $signal } is { G($value, digits: 10) } at { $axis } { $first } and the same at { $last } ({ $times } values in a row); its usual change is { G($usual, digits: 3) }
    .equal-as-printed = two different values that happen to be printed alike
    .skipped-update = an update that was skipped, so that the model was the same
    .logged-twice = a value logged twice
    .test = Evaluate again at the later point, with the weights' norm printed at both.

finding-repeated-loss =
    .explained = The training loss repeats exactly where it ought to scatter: the log, or the loop, writes one value again and again. See whether the weights move at all.

finding-changed-state =
    .explained = Weights, the optimizer's moments or buffers changed, neither by the optimizer nor by a forward pass: their checksums between two updates differ, or weights moved farther than updates bring them. Look for what writes to them there: a checkpoint being loaded, a clamp, an average of weights, another optimizer.
    .sentence = Before the update at { $axis } { $step } something other than the optimizer changed at least { $what } ({ $layers }){ $times ->
        [one] { "" }
       *[other] { $regular ->
            [yes] ; it happens regularly, { COUNT($times) } times in all
            [regular-seen] ; it happens regularly, and was seen { COUNT($times) } times
            [seen] ; it was seen { COUNT($times) } times
            [evaluated] ; it happens after every evaluation, { COUNT($times) } times in all
            [evaluated-since] ; it happens after every evaluation from there on, { COUNT($times) } times in all
           *[no] ; it happens { COUNT($times) } times in all
        }
    }
    .earlier = { $said }. At { $axis } { $at } the norms of all { $layers } layers are what they were at about { $axis } { $as_at }, as where an earlier state is loaded
    .watched = { $said }; tensors are watched in turn, { PERCENT($watched) } % of them there, so it may be all
    .written = between { $axis } { $before } and { $step } something else than the optimizer wrote to the weights{ $whole ->
        [yes] { "" }
       *[no] { " " }of { $layer }
    }: around it their norm went from { G($norm) } to { G($grown) }, and its { $updates } updates bring it by { G($bound) } at most, even if each is three times as long as those that were measured
    .jumped = between { $axis } { $after } and { $step } the norm of the weights{ $whole ->
        [yes] { "" }
       *[no] { " " }of { $layer }
    } { $is_lost ->
        [yes] went from { G($norm) } to more than a number holds
       *[no] went from { G($norm) } to { G($grown) }
    }: the { COUNT($updates) } updates there cannot move it by more than { G($bound, digits: 2) }, so something other than the optimizer changed them
    .weights_changed = { $count ->
        [one] one tensor of weights
       *[other] { COUNT($count) } tensors of weights
    }
    .frozen_changed = { $count ->
        [one] one tensor that is frozen
       *[other] { COUNT($count) } tensors that are frozen
    }
    .moments_changed = { $count ->
        [one] one of the optimizer's moments
       *[other] { COUNT($count) } of the optimizer's moments
    }
    .buffers_changed = { $count ->
        [one] one buffer
       *[other] { COUNT($count) } buffers
    }
    .loaded = a checkpoint of weights or of the optimizer that is loaded in the middle of the run
    .evaluation = an evaluation that puts other weights in (averaged, pruned, of a checkpoint) and does not put the model's own back
    .by-hand = code that writes to the weights directly: a clamp, a re-initialisation, averaged weights that are swapped in
    .other-optimizer = a second optimizer, or a wrapper such as Lookahead, over the same weights
    .memory = a bit that flipped in memory, or a kernel that writes past the end of its buffer
    .test = Record again with a print at every place that loads, copies or clamps weights, and see which of them runs between these two updates.

finding-renewed-optimizer =
    .explained = The loop makes a new optimizer again and again, at each epoch say: its moments (Adam's averages, the momentum of SGD) begin from nothing each time, and so does its schedule. Make the optimizer once, before the loop; add parameters that are trained later with add_param_group.
    .sentence = A new optimizer took the place of the one before { COUNT($times) } times, from { $axis } { $first } to { $last }, { COUNT($each) } updates apart as a rule: what it knew of its gradients was lost each time
    .on-purpose = a method that resets its moments on purpose, as some low-rank or restarted methods do
    .test = Make the optimizer once, before the loop, and compare the loss over some of these stretches.

finding-frozen-statistics =
    .explained = A layer whose weights are all frozen still updates its statistics (those of a batch norm, for instance), because it runs in training mode. So the pretrained part becomes another function, a little more at each step. Put frozen layers into evaluation mode.
    .sentence = The weights of { $count ->
        [one] a layer are frozen and its statistics move
       *[other] { COUNT($count) } layers are frozen and their statistics move
    } ({ $layers }), from { $axis } { $first } to { $last }
    .train = a call of model.train() that puts the frozen part into training mode with the rest
    .meant = statistics that are meant to adapt to the new data while the weights stay
    .test = Print module.training of the named layers in the loop; call eval() on them after each model.train().

finding-ranks-apart =
    .explained = Processes that train one model together no longer hold the same weights or moments: their bits differ between ranks. From then on each rank trains a model of its own, and the log of the first rank shows only its own. Look for what runs on one rank only, or does not share its gradients.
    .columns = { SIGNAL($signal) } and similar signals differ between { $ranks } ranks by { PERCENT($spread, digits: 2) } % from { $axis } { $first } to { $last }, where they should be equal
    .sentence = The ranks stop being identical { $equal ->
        [none] at { $axis } { $step }
       *[other] after { $axis } { $equal }, by { $axis } { $step }
    }: { $part ->
        [weights] { $count ->
            [one] a parameter differs
           *[other] { COUNT($count) } parameters differ
        }
       *[other] { $count ->
            [one] the optimizer's moments of a parameter differ
           *[other] the optimizer's moments of { COUNT($count) } parameters differ
        }
    } on rank { $ranks } ({ $parameters }){ $again ->
        [yes] ; later they agree again
       *[no] {""}
    }
    .not-wrapped = steps that call the model inside the wrapper directly, so that its gradients are not shared
    .hooks = a wrapper whose hooks were lost: a model that was moved, converted or unfrozen after it was wrapped
    .transfer = data lost on the way between the processes
    .update = a step, a clip or a write to weights on one rank only
    .meant = ranks that are meant to train independently
    .test = Compare the gradients of the named parameter on all ranks right before the update: if they differ, they were not shared; if they are equal, the update itself differs.

finding-rank-outlier =
    .explained = One rank of a training is unlike all others: its loss is no number, or jumps alone, or stays where theirs falls; its gradient is zero or many times as large as theirs; or it reads one batch again and again, or other batches than those that all share. The average over the ranks hides it. Look at what that rank reads.
    .not-a-number = the loss of rank { $rank } is no number at { $axis } { $first }, where the other ranks still have one ({ G($others) }){ $for_good ->
        [yes] ; from then on no rank has one
       *[no] {""}
    }
    .jump = rank { $rank } alone leaves its level at { $axis } { $first }: its loss is { G($own) } there, that of the other ranks { G($others) }; what all see after it began there
    .gradient-jump = the gradient of rank { $rank } is { G($own) } at { $axis } { $first }, that of the other ranks { G($others) }; the loss of all leaves its level after it
    .zero-gradient = rank { $rank } gives no gradient: its norm is zero from { $axis } { $first } to { $last }, where that of the other ranks is { G($others) }
    .large-gradient = the gradient of rank { $rank } is { G($ratio, digits: 2) } times as large as that of the other ranks ({ G($own) } to { G($others) }, { $axis } { $first } to { $last }): it decides every update
    .stays = the loss of rank { $rank } stays at { G($own) } from { $axis } { $first } to { $last }, while that of the other ranks falls to { G($others) }
    .memorised = the loss of rank { $rank } comes to { G($own) } by { $axis } { $last }, that of the other ranks to { G($others) }: it learns its rows by heart, as a rank does that reads the same ones again and again
    .same-batch = rank { $rank } is given the same inputs to the bit at each of { COUNT($steps) } steps that were compared, and the other ranks are not
    .other-batches = rank { $rank } draws other batches than rank { $than }, first by { $axis } { $first } ({ COUNT($steps) } of { COUNT($compared) } comparisons differ): each computes its part of a batch of its own, so that some of the text is read twice and some by nobody
    .row = a broken row or batch that only that rank read
    .device = a device or a machine that computes wrongly
    .masked = a rank whose rows have no targets, or whose parameters are frozen or detached
    .targets = targets that do not belong to the inputs: shuffled, shifted, or of another file
    .weighted = a loss that is weighted, scaled or summed otherwise on that rank
    .harder = a shard that cannot be predicted: noise, other data than those of the others
    .small = a shard that has one batch or a few
    .easier = a shard that is far easier to predict: padding, repeated text
    .other-order = another seed, order or place in the data on that rank
    .memory = a machine whose memory or disk does not give back what was written
    .test = Print a batch of that rank with its targets as text or pictures, and its loss at the same weights on a batch of another rank; let two ranks change their shards: what stays with the shard is the data's.
    .test-order = Print the whole batch of that step on both ranks as text, and the seed and the step that it was drawn by.

finding-rank-stopped =
    .explained = The log of one rank ends before those of the others. The rank that ends first is as a rule the one that died or hangs, and the others wait for it: look at its machine, and at the last lines that it wrote.
    .sentence = the log of rank { $rank } ends at { $axis } { $last }, those of the other ranks go on to { $others }
    .buffer = last lines that were still in a buffer when the process ended
    .writes = a rank that logs less often
    .own-end = a rank whose data ended before those of the others
    .test = Look at the end of that rank's output and at the log of its machine (out of memory, a device error); torchrun names the first process that failed.

finding-straggler =
    .explained = One process of a training computes for longer than the others in nearly every update, and all wait for it: several processes are as fast as the slowest. It is no fault of the training, only lost time.
    .sentence = rank { $rank } computes { G($ratio, digits: 2) } times as long as the others, and was the slowest at { COUNT($slowest) } of { COUNT($steps) } updates that were timed ({ $axis } { $first } to { $last }): all wait for it
    .busy = another program on the machine or the device of that rank
    .hardware = a slower, hotter or throttled device, or one with fewer cores
    .rows = that rank has more to compute: longer rows, or what the first rank alone does
    .test = Look at the load and the clock of that rank's machine; let two ranks change places: what stays with the place is the machine's.

finding-hang =
    .explained = One process of a training did not come to where the others waited for it, or came to another place than they. Look at what it did then: a process that was stopped, a disk or a driver that does not answer, a lock or a data loader that waits, a branch that not all ranks take.
    .sentence = { $said }{ $count ->
        [1] {""}
       *[other] ; it is the last of { COUNT($count) } such waits
    }{ $past ->
        [yes] ; the run was resumed since, and went past it
       *[no] {""}
    }
    .missing = rank { $rank }{ $more ->
        [0] {""}
        [one] {" "}(and one more)
       *[other] {" "}(and { COUNT($more) } more)
    } has not come to { $collective ->
        [none] the other ranks
       *[other] { $collective }
    }, { $waiting ->
        [one] and another rank waits
       *[other] and { COUNT($waiting) } ranks wait
    } ({ G($seconds, digits: 6) } s or more after { $axis } { $step }): it { $state ->
        [stalled] was { $place ->
            [none] at a place that is not known
           *[other] at { $place }
        }
        [ended] had ended its recording after { $axis } { $last }
        [failed] had left after { $axis } { $last } with { $error }{ $place ->
            [none] {""}
           *[other] , at { $place }
        }
       *[silent] wrote nothing: it was killed or stopped, is stuck in a call outside Python, or does not record
    }{ $recorded ->
        [yes] {""}
       *[no] ; TORCH_FR_BUFFER_SIZE=2000 in the environment of all ranks tells the collective next time
    }
    .apart = the ranks wait in different collectives: rank { $rank } in { $collective } ({ $place ->
        [none] at a place that is not known
       *[other] at { $place }
    }), rank { $other } in { $others } ({ $at ->
        [none] at a place that is not known
       *[other] at { $at }
    }); no { $axis } came after { $axis } { $step } for { G($seconds, digits: 6) } s or more
    .together = all ranks have come to { $collective }, and it did not end within { G($seconds, digits: 6) } s after { $axis } { $step }: look at the network, the devices and the communication library
    .places = no { $axis } came after { $axis } { $step } for { G($seconds, digits: 6) } s or more; the ranks were at: { $places }; { $recorded ->
        [yes] none of them waited in a collective, so it may be slow work
       *[no] which one the others wait for is not known: TORCH_FR_BUFFER_SIZE=2000 in the environment of all ranks tells it next time
    }
    .stopped = a process that was stopped (a debugger, SIGSTOP), or a machine that was suspended
    .disk = a read or a write that does not end: a network file system whose server is gone
    .device = a GPU, a driver or a communication library that does not answer
    .code = code that waits on that rank only: a lock, a worker of a data loader, a branch that the others do not take
    .slow = a rank that was only slow: NEWLLM_HANG_SECONDS sets how long the others wait
    .long = a rank that was only slow, when the job was ended: a long evaluation, a snapshot, a compilation
    .branch = a branch that one rank takes and the others do not, around a collective or around a backward pass (if rank == 0, a batch that is skipped)
    .uneven = ranks with different numbers of batches, or that call their modules in another order
    .groups = collectives of two groups that the ranks begin in different orders
    .test = Run it again and look at the process as long as it is there: py-spy dump --pid PID shows where it is, its state in ps whether it is stopped (T) or waits for a disk (D).
    .apart-test = Print the rank before each collective at both places: all ranks of a group must make the same collectives in the same order.

# What all ranks of a group do together, and its number there.
collective = { $operation }{ $tensors ->
    [none] {""}
   *[other] {" "}of { $tensors }
}, number { COUNT($number) } { $group ->
    [all] of all ranks
   *[other] of the group { $group }
}

finding-skipped-updates =
    .explained = Steps were counted at which the optimizer changed nothing. Under mixed precision the loss scaler skips steps whose gradient overflows: print its scale, and count the optimizer's own steps.
    .sentence = { $skipped } of { $steps } steps made no update, from { $axis } { $first } to { $last }
    .by-another = the recorded optimizer made no update at { $skipped } of { $steps } steps, from { $axis } { $first } to { $last }, and the weights moved all the same: something else updates them
    .by-another-test = Give newllm.record the optimizer that trains the model.
    .scaler = a loss scaler that is searching for its scale
    .accumulation = gradient accumulation, with a step recorded for each backward pass
    .test = Print the loss scaler's scale, or count the optimizer's own steps.
    .periodic = only one step in { $period } makes an update, as with gradient accumulation
    .stepped-rarely = an optimizer that is stepped too rarely by mistake
    .periodic-test = Call recorder.step once per update, after the optimizer's step; then this note goes away.

finding-constant-accuracy =
    .explained = The accuracy is always the same k of n while the loss moves: it measures one thing only, such as the ends of sentences. Count which classes are predicted, and which targets the model gets right.
    .sentence = { $signal } is { $of ->
        [none] { G($accuracy) }
       *[other] { $right } of { $of }
    } at each of { $times } evaluations from { $axis } { $first } to { $last } while { $loss } moves by { PERCENT($moved) } %: the accuracy measures nothing of what is learnt
    .same-answer = the same answer is given to everything
    .small-count = the count is too small to move
    .test = Count how many different classes are predicted, and which targets the model gets right.

finding-one-predicted-class =
    .explained = The model predicts one class for everything, so its accuracy is just the share of that class. Compare it with that share before anything else is read from it.
    .sentence = the model predicts one class for everything at { $count } of { $of } evaluations ({ $axis } { $first } to { $last })
    .hardly-begun = training has hardly begun
    .mostly-one-class = most of the data are of one class
    .test = Compare the accuracy with the share of the most frequent class.

finding-evaluation-in-training-mode =
    .explained = The evaluation ran while the model was in training mode, so dropout and batch statistics affect its result. Call model.eval() before it and compare.
    .sentence = { $count } evaluations ran in training mode ({ $axis } { $first } to { $last }): { $matters ->
        [yes] dropout and batch statistics affect their results
       *[no] this model has no layer that behaves differently in it, unless its own code checks the mode
    }
    .part-of-training = a forward pass without gradients that is part of training
    .test = Evaluate once more after model.eval() and compare.

finding-label-frequency =
    .explained = The loss stays at the entropy of the token frequencies: the model has learnt how often each token occurs, and nothing from the text before it. Check that inputs and targets belong together.
    .sentence = the training loss stays at { FIXED($loss, digits: 3) } nats, what the token frequencies alone give ({ FIXED($entropy, digits: 3) }): nothing is learnt from the preceding text
    .young = training has only begun: many runs pass through a plateau here
    .silent-inputs = the inputs carry no information
    .test = Shuffle the inputs against the targets: if the loss stays the same, they are not used.
    .accuracy = { $right } of { $of } predictions are right, exactly as often as the most frequent token of training occurs in validation ({ PERCENT($share, digits: 1) } %): the accuracy measures that token alone
    .other-tokens = the model is right about other tokens, and just as often by chance
    .accuracy-test = Count which tokens are predicted, and the right ones by token.

finding-perplexity-mismatch =
    .explained = The perplexity is not exp(loss) of the same step. One of the two is averaged differently or is in bits: compute both from one sum of nats and one count of tokens.
    .sentence = { $signal } is not exp({ $loss }) at { $wrong } of { $of } steps: its logarithm is { SIGNED($difference, digits: 3) } nats off{ $unit ->
        [bits] ; the loss is in bits
        [digits] ; the loss is in decimal digits
       *[none] { "" }
    }
    .averaged = the perplexities of batches were averaged, which gives more than the perplexity of the average loss
    .other-term = one of the two has a term that the other lacks (smoothing, regularisation, padding)
    .test = Compute both from the sum of nats and the number of tokens of the same evaluation.

# "sentence" is said by files of before 2026-12 alone.
finding-accumulation-scale =
    .explained = The gradient grows with the number of backward passes per update: accumulation sums where it should average, so the update is too large by that factor. Divide the loss by the number of passes.
    .sentence = micro-batches are summed, not averaged: { $shows_in ->
        [loss] { "" }
       *[other] the gradient norm follows the number of backward passes (norms in a ratio of { FIXED($norm_ratio, digits: 2) }, passes in one of { FIXED($passes_ratio, digits: 2) })
    }{ $shows_in ->
        [both] { " " }and{ " " }
       *[other] { "" }
    }{ $shows_in ->
        [norm] { "" }
       *[other] the first loss is { FIXED($loss_over_uniform, digits: 2) } times ln V with { FIXED($passes) } passes per update
    }
    .summed = micro-batches are summed, not averaged: { $shows_in ->
        [loss] { "" }
       *[other] with { FIXED($more) } backward passes per update the gradient norm is { FIXED($norm_ratio, digits: 1) } times as large as with { FIXED($fewer) }
    }{ $shows_in ->
        [both] { " " }and{ " " }
       *[other] { "" }
    }{ $shows_in ->
        [norm] { "" }
       *[other] the first loss is { FIXED($loss_over_uniform, digits: 2) } times ln V with { FIXED($passes) } passes per update
    }
    .meant = an intended sum, with a learning rate that allows for it
    .test = Make one update with one large batch, and one with the same batch in parts: the gradient norms must agree.

finding-gradient-carried =
    .explained = Gradients were not cleared: each update repeats all gradients before it, or takes in that of another loss. Call optimizer.zero_grad() right before the backward pass of each update.
    .sentence = the gradient { $part ->
        [yes] of some parameters was not cleared (that of the others was)
       *[no] was not cleared
    } before { $count } updates ({ $axis } { $first } to { $last }): each repeats the ones before it
    .grows = the gradient norm grows from { G($first) } to about { G($later) } (twice the first by { $axis } { $step }) and hardly scatters, by { PERCENT($change, digits: 1) } % from point to point: that is how a sum over all batches behaves, not the gradient of one
    .of-others = at { $count } updates ({ $axis } { $first } to { $last }) the gradient is that of two losses: the backward pass of another network's update (an actor's, a generator's) went through this model, left its gradient in the weights, and nothing cleared it before the backward pass of this model's own loss
    .both = a loss of that network which this model is to learn from as well
    .of-others-test = Call zero_grad() of this model's optimizer right before the backward pass of its own loss, and compare the gradient norms.
    .on-purpose = gradients summed over several updates on purpose
    .test = Call optimizer.zero_grad() after every optimizer.step() and compare the gradient norms.

finding-no-gradient =
    .explained = No gradient reaches the weights: its norm is exactly zero. Something is detached or frozen, or both factors of a product start at zero. Print the gradient of each weight after one backward pass.
    .sentence = the gradient norm is exactly 0 at all { $count } points, and nothing is learnt
    .never-seen = in { $count } updates no backward pass reached a weight, and none has moved
    .since = from { $axis } { $step } on no backward pass has reached a weight that the optimizer holds, and none has moved, though the optimizer is still stepped
    .cleared = the norm is measured after the gradients were cleared
    .another = the model that is trained is another copy than the one that is recorded
    .test = Run one backward pass and print which weights have a gradient, and which of them is not zero.

finding-cleared-gradient =
    .explained = The backward pass leaves a gradient and the optimizer reads none, so nothing is learnt: zero_grad() stands between backward() and step(), or step() before backward(). The order is zero_grad(), forward pass, backward(), step().
    .sentence = the gradient is gone before the optimizer reads it, in { $count } updates ({ $axis } { $first } to { $last }): the backward pass leaves a norm of about { G($usual) }, and the step finds 0
    .passes = of { $of } backward passes before each update { $lost } are cleared away before the optimizer reads them ({ $axis } { $first } to { $last }): the update is made of the rest alone
    .elsewhere = an optimizer that takes gradients from a copy of its own
    .apart = a method that makes passes only to look at their gradient
    .test = Print the gradient of one weight right before optimizer.step(): it must be there, and not 0.
    .test-passes = Call zero_grad() right after optimizer.step(), and not before a later backward pass of the same update: in Accelerate's accumulate() it acts only in the last one.

finding-gradient-explosion =
    .explained = The gradient norm rose far above its trend. Unless the gradient is clipped, one such step can undo thousands: replay it without its batch, and once more with the gradient clipped to its usual norm.
    .sentence = gradient_norm rises from { G($base) } to { G($peak) } at { $axis } { $step }, { $clipped_to ->
        [none] not clipped
        [unknown] with nothing in the log to say whether it was clipped
       *[other] clipped to { G($clipped_to) }
    }
    .unlike-batch = one batch that is unlike all others
    .scaled-loss = a loss that is scaled differently from here on
    .test = Replay the step with its batch left out, and again with the gradient clipped to its usual norm.

finding-learning-rate-jump =
    .explained = The learning rate jumped up, fell for a while, or its schedule started again, where no plan calls for it. That alone may explain all that follows: compare the learning rate with the configuration's schedule at this step.
    .sentence = learning_rate jumps from { G($before, digits: 3) } to { G($after, digits: 3) } at { $axis } { $step }{ $factor ->
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
    .lower = learning_rate falls from { G($before, digits: 3) } to { G($after, digits: 3) } at { $axis } { $step } ({ G($factor, digits: 3) } times what it was), and is back at { $axis } { $back }
    .planned = a planned restart of the schedule
    .by-hand = a change by hand
    .test = Compare the learning rate with the configuration's schedule at this step.

finding-learning-rate-zero =
    .explained = The learning rate is zero while the training goes on: no weight moves any more, and the time is wasted. Compare the number of steps that the schedule was made for with that of the run.
    .sentence = the learning rate is { $whole ->
        [yes] zero in the whole run
       *[no] zero from { $axis } { $first } to { $last }, { PERCENT($share) } % of the run{ $gradual ->
            [yes] : its schedule had ended (its highest was { G($high) })
           *[no] : it dropped to zero at once (its highest was { G($high) })
        }
    }
    .below = the learning rate is below zero from { $axis } { $first } on, down to { G($low) }: each update undoes what was learnt
    .idle = the learning rate is below a thousandth of its highest ({ G($high) }) from { $axis } { $first } to { $last }, { PERCENT($share) } % of the run, and { G($low) } at the end: hardly a weight moves, and the loss stands
    .cut = the learning rate is cut to { G($factor, digits: 2) } of itself every { $every } steps from { $axis } { $first } on, { $count } times: from { $axis } { $low } to { $last }, { PERCENT($share) } % of the run, it is below a thousandth of its highest ({ G($high) }), and hardly a weight moves
    .cut-test = Print the learning rate, and look at what cuts it: is a cut that was planned once made at each epoch, or a schedule made for a longer run?
    .idle-test = Print the learning rate and what its scheduler watches: is it lowered while training still improves (a quantity that should rise, watched as one that should fall), or by a schedule that is too short?
    .groups = the logged learning rate is that of a frozen group of weights
    .planned = an intended end, such as evaluation only
    .test = Print the learning rate of every parameter group at the end, and the number of steps that the schedule was made for.

finding-warm-up-unfinished =
    .explained = The warm-up is as long as the run, or is counted in steps but advanced once per epoch: the learning rate stays far below what was set. Compare the length of the warm-up with the steps of the run, in the same unit.
    .sentence = the learning rate rises from { G($first) } to { G($last) } at the last { $axis } ({ $end }): the warm-up does not end{ $stair ->
        [yes] { $every ->
            [none] ; it rises in stairs, far apart
           *[other] ; it rises in stairs, once every { $every } { $axis }s
        }
       *[no] , while the loss has fallen by { PERCENT($fall) } %
    }
    .below-plan = the learning rate reaches { G($highest) } at most up to the last { $axis } ({ $end }), of the { G($planned) } that its schedule was given as the highest (max_lr): the schedule is hardly advanced
    .open = the learning rate rises evenly at every point of the log, from { G($first) } to { G($last) } at { $axis } { $end } (after { $epochs } epochs), and the log does not say how long the run is: if this is its end, the warm-up did not end
    .goes-on = the run is still going on, in its warm-up
    .planned = a learning rate that is meant to rise, as in a learning-rate range test
    .test = Divide the steps of the warm-up by the steps of the run; call scheduler.step() where the schedule's unit says so.

finding-schedule-turned =
    .explained = The learning rate fell to its minimum and rises again as smoothly as it fell: a cosine schedule that is stepped beyond its end. Compare T_max, or the number of steps that the schedule was made for, with how often it is stepped.
    .sentence = the learning rate fell to { G($low) } at { $axis } { $step } and rises again, as smoothly, to near its highest ({ G($high) }) at { $back }
    .planned = an intended cyclic schedule
    .test = Count the calls of scheduler.step() per update; there should be one.

finding-resume-jump =
    .explained = Several signals jump at the same step, as after a resume that lost part of the state. Resume again from the same checkpoint with the optimizer's moments, and compare.
    .sentence = the log breaks off and goes on at { $axis } { $step }, and { $rate_jumps ->
        [yes] the learning rate jumps
       *[no] the loss rises by { PERCENT($rise) } %
    } there
    .resumed = the training goes on from a checkpoint at { $axis } { $step }, and { $rate_jumps ->
        [yes] the learning rate jumps
       *[no] the loss rises by { PERCENT($rise) } %
    } there
    .paused = the clock breaks off before { $axis } { $step }, as where a training is resumed, and { $rate_jumps ->
        [yes] the learning rate jumps
       *[no] the loss rises by { PERCENT($rise) } %
    } there
    .anew = the optimizer begins anew at { $axis } { $step }, where the training was resumed: it held neither moments nor a count of updates there{ $rate_jumps ->
        [yes] ; the learning rate jumps there, too
       *[no] { "" }
    }
    .on-purpose = weights alone that were taken over on purpose
    .updates = the updates of { PERCENT($share) } % of the layers are { G($times, digits: 2) } times as large at { $axis } { $step } as just before, though the gradient is not
    .other-data = other data from here on
    .by-hand = a setting that was changed by hand
    .test = Resume again from the same checkpoint with the optimizer's state, and from the checkpoint before it.

finding-second-moment =
    .explained = Adam's second moment lags behind the gradient, so updates are several times larger than they should be; a spike often follows. Replay with a smaller beta2 (0.95), and once more without these batches.
    .sentence = the gradient of { $worst } is { G($times, digits: 3) } times what the optimizer's second moment expects ({ $axis } { $first } to { $last }; layers: { $layers }): its updates are too large by the same factor
    .test = Replay with a smaller beta2 (0.95), and again with the batches of these steps left out.

finding-update-ratio =
    .explained = Updates are far too large or too small for the weights that they change; about a thousandth of the weights' norm is usual. Multiply or divide that layer's learning rate by ten and look again.
    .sentence = { $at_first ->
        [yes] the first update
       *[no] each update
    } changes the weights of { $worst } by { G($ratio, digits: 2) } of their norm, which is far too { $large ->
        [yes] much
       *[no] little
    } (layers: { $layers }; about 1e-3 is usual)
    .start-at-nothing = weights that are meant to start at zero
    .hardly-used = a layer that is hardly used
    .test = Replay with the learning rate of { $worst } { $large ->
        [yes] divided
       *[no] multiplied
    } by ten.

finding-activation-growth =
    .explained = A layer's outputs keep growing and have not settled. Sooner or later they overflow or swamp the rest: try a normalisation layer, or weight decay, at this place.
    .sentence = { $worst } has grown { G($factor, digits: 3) }-fold, to { G($last) }, and is still growing ({ $signals })
    .stays = { $worst } has grown { G($factor, digits: 3) }-fold, to { G($last) }, and stays there ({ $signals })
    .normalised-later = a scale that the next normalisation removes
    .test = Replay with a normalisation layer, or weight decay, at this place.

finding-attention-collapse =
    .explained = A whole layer's attention has collapsed to one position, or its logits have grown without bound; no gradient brings it back. Normalise queries and keys, and try a smaller learning rate.
    .sentence = the attention of { $layers } has collapsed: { $measure ->
        [entropy] mean entropy { G($value, digits: 3) } nats
       *[logit] logits up to { G($value) }
    } in { $worst }
    .short-rows = sequences so short that there is only one position to attend to
    .test = Replay with the queries and keys normalised, and again with a smaller learning rate.

finding-context-growth =
    .explained = The context grows by a factor at every position: the recurrence has a gain above one. It shows before the loss does. Normalise the context, or bound its decay below one, and replay.
    .sentence = { $signal ->
        [loop_gain] the context's change
       *[other] the context
    } grows { G($factor, digits: 3) }-fold at every position (above { EXACT($limit) } from { $axis } { $first }){ $lead ->
        [none] { "" }
       *[other] , { $lead } { $axis }s before the loss shows it at { $loss_shows }
    }
    .few-positions = a context that only adds up, over few positions
    .shorter-rows = sequences that became shorter
    .test = Replay with the context normalised, or its recurrent weights scaled to a gain of one.

finding-dead-units =
    .explained = Most units of a layer are zero for every input: they compute nothing and get no gradient. Look at the layer over a larger batch, then replay with a smaller learning rate.
    .sentence = { PERCENT($share) } % of the units of { $worst } are zero at every position (layers: { $layers })
    .small-batch = a batch so small that many units are idle by chance
    .sparsity = intended sparsity
    .test = Look at the same layer over a larger batch; replay from before with a smaller learning rate.

finding-saturated-gates =
    .explained = Most gates of a layer are all open or all shut: they no longer decide anything, and hardly get a gradient. Replay from before with a smaller learning rate, or another bias at the start.
    .sentence = { PERCENT($share) } % of the gates of { $worst } are fully open or shut (layers: { $layers })
    .bounded = the outputs of { $worst } are at their bounds nearly everywhere: their root mean square is { G($share, digits: 3) } of values that lie between -1 and 1 (layers: { $layers })

finding-below-chance =
    .explained = The model is confident in evaluations and nearly always wrong. To be right less often than a guess it must know the answer, and is asked for another: look at how classes are numbered in training and in validation, and at targets that are off by one.
    .sentence = only { PERCENT($share, digits: 2) } % of validation is right, where a guess among { $classes } classes would get { PERCENT($chance) } %: the model tells the classes apart, and is asked for other answers
    .asked-anew = from { $axis } { $step } on training is asked for other answers to the same inputs: there its loss is above that of a guess, and since it has learnt that, { PERCENT($share, digits: 2) } % of validation is right (best { PERCENT($best) } %; a guess among { $classes } classes { PERCENT($chance) } %)
    .fell = since { $axis } { $step } evaluations ask for other answers than training: { PERCENT($share, digits: 2) } % is right, where it was { PERCENT($best) } % before, and a guess among { $classes } classes would get { PERCENT($chance) } %
    .other-classes = validation holds classes that do not occur in training
    .test = Print predicted and true classes of some validation samples beside each other: usually one is the other, renumbered.

finding-target-scale =
    .explained = The loss is in the millions, so its targets are thousands of times as large as the model's outputs, and the last layer has to grow all the way. Standardise the targets with the mean and standard deviation of the training data, and undo that for what you report.
    .sentence = the loss begins at { G($loss, digits: 3) }, as for targets of about { G($root, digits: 3) }, while { $layer } outputs { G($outputs, digits: 2) }: its output has grown to { G($grown, digits: 3) }, and { PERCENT($left) } % of the loss is left
    .summed = a loss that is summed over very many numbers
    .test = Print mean and standard deviation of one batch of targets beside those of the outputs.

finding-always-clipped =
    .explained = Clipping cuts the gradient at every update, to a small part of its norm. What was meant for outliers sets the size of all updates: with SGD the learning rate is in effect that many times smaller. Look at the usual norm, and set the clipping threshold well above it.
    .sentence = clipping cuts the gradient at every update: from a usual norm of { G($usual, digits: 3) } to { G($clipped, digits: 3) }, which leaves { PERCENT($share, digits: 1) } % of it
    .logged = clipping cuts the gradient at { $count } of { $points } points of the log: from a usual norm of { G($usual, digits: 3) } to { G($clipped, digits: 3) }, which leaves { PERCENT($share, digits: 1) } % of it
    .on-purpose = a learning rate that was chosen for gradients of this norm
    .test = Train for some steps with a clipping threshold of ten times the usual norm.

finding-quality-lost =
    .explained = A measure of quality that evaluations had found high is low ever since, although no validation loss rose with it: what was learnt is lost, or the evaluation became another one. Evaluate a checkpoint from before the fall with today's code.
    .sentence = { SIGNAL($metric) } falls from { G($best, digits: 3) } at { $axis } { $at } to { G($last, digits: 3) }, and stays low from { $axis } { $first } on
    .harder = an evaluation that became harder on purpose
    .test = Evaluate a checkpoint from before the fall with the same code and data: if it is good, the training has unlearnt; if not, the evaluation has changed.

finding-reversed-metric =
    .explained = The highest error, or the lowest accuracy, counts as the best: so the worst model is kept, or the training ends or lowers its rate too soon. A Trainer prefers a high metric unless its name ends in "loss" (greater_is_better=False changes it), Lightning a low one (mode="max" changes it).
    .sentence = the { $higher ->
        [yes] highest
       *[no] lowest
    } { $metric } counts as the best ({ $by }: { $trainer ->
        [yes] greater_is_better={ $higher ->
            [yes] True
           *[no] False
        }
       *[no] mode="{ $higher ->
            [yes] max
           *[no] min
        }"
    }), but { $why ->
        [name] less of it is { $higher ->
            [yes] better
           *[no] worse
        }
       *[loss] { $higher ->
            [yes] it rises and falls with the validation loss
           *[no] it falls where the validation loss rises, and rises where that falls
        }
    }. By it the best model is that of { $axis } { $kept }: { $metric } { G($best, digits: 3) }{ $has_loss ->
        [yes] , validation loss { G($loss, digits: 3) }
       *[no] { "" }
    }. At { $axis } { $step } it was { G($other, digits: 3) }{ $has_loss ->
        [yes] , with a validation loss of { G($loss_there, digits: 3) }
       *[no] { "" }
    }
    .meant = a measure that means another thing than its name says
    .test = Set { $trainer ->
        [yes] greater_is_better={ $higher ->
            [yes] False
           *[no] True
        }
       *[no] mode="{ $higher ->
            [yes] min
           *[no] max
        }"
    }, and take the checkpoint of { $axis } { $step } if there is one.

finding-metric-unmoved =
    .explained = The loss is learnt, and a metric stays as low as at the start, or at what a guess reaches. The loss is that of an easier task (the answer is among the inputs, most targets are background), a part of the model learns nothing, or the metric is computed wrongly. Compute both by hand on one example.
    .sentence = { $metric } is { G($last) } at the end, as at the start ({ G($first) }), while only { PERCENT($left, digits: 1) } % of the loss on the same data is left: the two do not measure the same thing
    .half = { $metric } stays at a half ({ G($low) } to { G($high) } at { $count } evaluations) while the loss is learnt: of two answers that is a guess
    .half-test = Count what this part of the model answers, and what its targets are: are they all alike, left out (ignore_index), or of two classes that its input can tell apart?
    .one-of-two = a metric that a half is good for, among many classes
    .error = { $metric } is { G($last) } at the end and was { G($first) } at first, while the validation loss at the same { $count } evaluations falls from { G($loss, digits: 3) } to { G($loss_last, digits: 3) }: the two do not measure the same thing
    .error-test = Compute both by hand on one batch, and print the shapes of predictions and targets: (N, 1) beside (N,) gives every pair of rows instead of N errors.
    .other-units = an error in other units than the loss (not its logarithm, say), which a few large targets rule
    .waits = a metric of whole answers, which rises last
    .test = Compute the loss and the metric by hand on one example: does the loss ask for what the metric counts?

finding-frozen-layer =
    .explained = A layer that should be trained never moves. That part of the model stays as it was initialised: print the gradient of one of its weights after a backward pass, and see whether the optimizer was given it.
    .sentence = { $layers } { $count ->
        [one] is
       *[other] are
    } { $why ->
        [asked] set to be trained (requires_grad)
        [unused] not used in the loss
       *[not-given] not given to the optimizer
    } and { $count ->
        [one] never moves
       *[other] never move
    }
    .new-head = { $layers }, the last layer, was not given to the optimizer and never moves, though it was untrained at the start: the loss began at { G($start) }, that of guessing among { $classes } classes
    .late = { $layers } { $count ->
        [one] gets gradients since { $axis } { $first } at the latest, but was not given to the optimizer and never moves
       *[other] get gradients since { $axis } { $first } at the latest, but were not given to the optimizer and never move
    }
    .one-by-one = { $layers } get gradients, the first of them since { $axis } { $first } and the last since { $axis } { $last } at the latest, but were not given to the optimizer and never move
    .for-another = their gradients are wanted for something else than an update
    .give = Give their parameters to the optimizer: all of them from the start, or with optimizer.add_param_group when they are unfrozen.
    .ended = { $layers } { $count ->
        [one] moves until { $axis } { $last } and is
       *[other] move until { $axis } { $last } and are
    } frozen from then on (requires_grad)
    .begun = { $layers } { $count ->
        [one] is frozen
       *[other] are frozen
    } at first (requires_grad) and trained { $last ->
        [none] from { $axis } { $first }
       *[other] later: the first of them from { $axis } { $first }, the last from { $last }
    }
    .unregistered = { $layers } { $count ->
        [one] gets gradients but is never trained: the model keeps it
       *[other] get gradients but are never trained: the model keeps them
    } in a plain Python list or dictionary, which hides { $count ->
        [one] its
       *[other] their
    } parameters from model.parameters(), from the optimizer and from saved checkpoints
    .register = Keep layers in a torch.nn.ModuleList or ModuleDict (parameters in a ParameterList), and build the optimizer anew.
    .on-purpose = it is frozen on purpose
    .left-out = it was left out of the optimizer's parameter groups
    .unused = its output is unused
    .test = Print the gradient of one of its weights after a backward pass: None, zero, or another number.

finding-vanishing-gradient =
    .explained = The gradient vanishes with depth: the layers far from the loss hardly learn. Plot the gradient norm by depth at the first step; residual connections or a larger initialisation preserve it.
    .sentence = the gradient of { $layers } is almost zero: that of { $worst } is { E($share) } of the largest layer's
    .zero-branch = a layer that is meant to start at zero (a zero-initialised branch)
    .test = Plot { $signal } by depth at the first step; train again with its initialisation scaled up.

finding-vanishing-signal =
    .explained = The outputs of layers shrink with depth: what the model reads hardly reaches its end. Plot the activations by depth at the first step; residual connections or a larger initialisation preserve them.
    .sentence = the output of { $layers } is almost zero: that of { $worst } is { E($share) } of the largest layer's

finding-unknown-tokens =
    .explained = Validation asks for words that the vocabulary lacks, and training never did. Their loss alone rises with every step and looks like over-fitting or a spike: split the validation loss by token class.
    .sentence = { PERCENT($share) } % of the validation targets are unknown words, { $training_percent ->
        [none] which never occur in training
       *[other] against { G($training_percent, digits: 2) } % in training
    }{ $part_of_loss ->
        [none] { "" }
       *[other] ; at the end they are { PERCENT($part_of_loss) } % of the validation loss
    }
    .small-vocabulary = the vocabulary was made from the training part alone and is small, as it should be
    .test = Split the validation loss by token class, or evaluate without the unknown words.
    .gap = { G($cost, digits: 3) } of the { G($gap, digits: 3) } nats between validation and training loss are due to targets that never occur in training ({ PERCENT($share, digits: 1) } % of those in validation): this is no over-fitting
    .gap-test = Evaluate on the same sentences without their unknown words.

finding-never-trained-tokens =
    .explained = Validation holds far more tokens that never occur in training than a text of the same kind would. The two may come from different tokenizers: list the tokens, and encode both parts with one.
    .sentence = { PERCENT($share, digits: 1) } % of validation are { $unit ->
        [word] words
       *[id] tokens
    } that never occur in training; { PERCENT($expected, digits: 1) } % would be usual with this training text
    .test = List the tokens; encode both parts with the same tokenizer and count again.

finding-changed-evaluation =
    .explained = Evaluations of one run were made on different data, so their losses cannot be compared. Evaluate the checkpoints before and after the change on the same data.
    .sentence = from { $axis } { $step } on evaluations use other data: { COUNT($before) } predictions{ $token_class ->
        [none] { "" }
       *[other] { " " }of class '{ $token_class }'
    } before, { COUNT($after) } since; losses before and after cannot be compared
    .batch-left-out = one batch was left out, and the data are otherwise the same
    .test = Evaluate the checkpoints before and after the change on the same data.

finding-data-order =
    .explained = The training data change in kind along the order in which they are read. The model learns one kind and unlearns another, which looks like spikes: shuffle the documents once.
    .sentence = the position in the training data tells { FIXED($nats, digits: 3) } nats about each token ({ PERCENT($share, digits: 1) } % of { FIXED($entropy, digits: 2) }): the data are not shuffled, and change in kind
    .by-loss = the loss rises and falls in the same way in each of { $epochs } epochs (correlation { FIXED($alike, digits: 2) } from one to the next), and the losses of neighbouring batches are alike ({ FIXED($neighbours, digits: 2) }): the data are read in a fixed order, not shuffled
    .by-accuracy = in { PERCENT($share) } % of { $count } logged batches either all answers are right or none: each batch holds one class, and the data are not shuffled
    .planned = an intended curriculum
    .single-samples = batches of one sample
    .loader = the loader shuffles what is in order here
    .read-test = Print the targets of the first ten batches; shuffle the data and train again.
    .test = Shuffle the documents once and train again; compare the loss where one kind gives way to the next.

finding-leak =
    .explained = Validation holds documents or long passages that are also in training, token for token. On these the loss measures memory: take them out of training and train again.
    .sentence = { PERCENT($share) } % of validation { $window ->
        [none] documents
       *[other] tokens, in windows of { $window },
    } also occur in training, token for token{ $looked_at_percent ->
        [none] { "" }
       *[other] { " " }(at least: only { G($looked_at_percent, digits: 2) } % of training were examined)
    }{ $repeated ->
        [none] { "" }
       *[other] ; { PERCENT($repeated) } % of training is repeated within training itself
    }
    .of-this-kind = texts of this kind repeat themselves (forms, licences, a small set of possible inputs)
    .test = Take the common documents and windows out of training and train again: a leak's loss rises.

finding-near-duplicates =
    .explained = Validation holds documents that are nearly the same as documents of training. The loss is lower than on new text: split by groups of similar documents instead of by documents.
    .sentence = { $near } of { $compared } validation documents are at least { PERCENT($similar) } % similar to one of training (Jaccard similarity of their shingles)
    .templates = documents of this kind differ little (templates, forms)
    .test = Split by groups of similar documents instead of by documents, and train again.

finding-repeated-windows =
    .explained = A large part of the training text occurs more than once. The loss falls where it repeats, and the model memorises it: take the repetitions out and train again.
    .sentence = { PERCENT($share, digits: 1) } % of the training tokens lie in windows of { $window } that occurred before, up to { COUNT($longest) } tokens in a row
    .copies = { PERCENT($copies) } % of the training documents are copies of others
    .of-this-kind = texts of this kind repeat themselves
    .epochs = the text was repeated on purpose, as epochs
    .test = Take the repetitions out and train again; see whether the loss fell where they were.

finding-target-in-input =
    .explained = One number of the inputs is the number to be predicted, in every row. The model only has to copy it, and its loss says nothing about data in which the answer is not there: look at how inputs are cut out, and whether they end before what is to be predicted.
    .sentence = in all { $count } batches that were examined one number of the inputs equals the target: the model only has to copy it
    .window = in all { $count } batches that were examined the inputs hold the first { PERCENT($share) } % of each row's targets: the window that is predicted from reaches into what is to be predicted
    .on-purpose = a task whose answer stands in the input on purpose
    .test = Print one row of the inputs beside its target, and find the target in it.

finding-padding-counted =
    .recorded = { PERCENT($share) } % of the targets that the loss counts are padding at the ends of shorter texts: they are easy to predict, so loss and accuracy look better than they are on the texts themselves
    .explained = Padding is among the targets. It is easy to predict, so the loss is lower than that of the text itself: give padding the index that the loss ignores.
    .sentence = padding, { PERCENT($share) } % of validation, { $counted ->
        [yes] is counted in the evaluation
       *[no] is among the targets; if the loss counts it, the loss is too low
    }{ $loss ->
        [none] { "" }
       *[other] : a loss of { FIXED($loss, digits: 3) } nats is then up to { FIXED($loss_without, digits: 3) } on real tokens
    }
    .text = what looks like padding is text
    .left-out = the loss leaves the padding out though the count does not
    .test = Set the padding's targets to the index that the loss ignores, and evaluate again.

finding-parameters-per-token =
    .explained = The model has so many parameters for so few tokens that it can memorise its text. That is no fault in itself; judge it on validation alone, and compare it with a model of a tenth of the size.
    .sentence = { COUNT($parameters) } parameters learn from { COUNT($tokens) } tokens, { COUNT($ratio) } to each: the training text can be memorised, and its loss says little
    .classifier = a classifier has one label per example, and its inputs are the larger part of the data
    .test = Train a model of a tenth of the size, or on ten times the text, and compare validation.

finding-small-validation =
    .explained = Validation is too small for what is read from it: the confidence interval of its loss is wide. Evaluate on ten times as many tokens of other documents before two models are compared.
    .sentence = validation is { $predictions } predictions{ $documents ->
        [none] { "" }
       *[other] { " " }from { $documents } documents
    }{ $best_loss ->
        [none] { "" }
       *[other] : the best loss, { FIXED($best_loss, digits: 3) } nats, is known to about ±{ FIXED($half_width, digits: 2) }, and no smaller difference means anything
    }
    .shared-tokens = the evaluations of one run share their tokens, so the shape of its curve is more certain than its level
    .test = Evaluate on ten times as many tokens of other documents, or train on other splits and compare.

finding-validation-shift =
    .explained = Validation is of another kind than training, by the frequencies of its tokens. Its loss says how the model does on that other kind: if that is not intended, shuffle the documents and split them again.
    .sentence = a single token tells { PERCENT($share) } % of whether it stands in training or in validation: the two are of different kinds
    .on-purpose = validation is of another kind on purpose
    .test = Encode both parts with one tokenizer; shuffle the documents, split them again and train again.

finding-repeated-batch =
    .explained = For a while all updates were made with one batch, or with rows that had come before, while the other updates read on. A loop or a loader gives the same again: look at the iterator there, at what catches its end, and at what picks the rows.
    .sentence = the updates from { $axis } { $first } to { $last } were all made with { $whole ->
        [yes] the same batch, row for row
       *[no] rows that had come before, while the updates before and after read new ones
    }
    .blank = from { $axis } { $first } to { $last } all rows of each batch are one and the same, as where inputs are blank
    .cycle = from { $axis } { $first } on the same { $period } batches come again and again, with at most { PERCENT($share) } % of the { $rows } rows that had been read: the others never come again
    .few = the whole training is made of the same { $period } batches ({ $rows } rows), in the same order again and again, and { $evaluated } rows are evaluated
    .echo = every batch comes { $times } times, one after the other, all along: each of { $times } workers of a loader seems to read all of the data
    .on-purpose = rows that are memorised on purpose
    .several-updates = several updates on each batch that are meant
    .few-test = Look for what limits the data: Lightning's overfit_batches, a slice or a subset that was left from debugging.
    .echo-test = Print the first row of each batch. Where the data are an IterableDataset, share its rows by torch.utils.data.get_worker_info(), and train with one worker to compare.
    .cycle-test = Print the first row of each batch, and look for a generator that is seeded again and again: in an evaluation, at each epoch, in the data set.
    .test = Print the first row of each batch around these steps.

finding-trained-validation =
    .explained = Rows that are evaluated were trained on before, number for number. As far as they go, the validation loss is a training loss: it says nothing about data that the model has not seen. Look at how the data were split, and at what was copied before: over-sampling belongs behind the split.
    .sentence = all { $count } rows of the evaluation at { $axis } { $step } had been trained on before, number for number
    .part = { PERCENT($share, digits: 2) } % of the validation ({ $part } of { $count } rows) was trained on, number for number: it is better than on new data
    .small-world = data of so few kinds that equal rows come by chance
    .on-purpose = an evaluation of training data on purpose, which is recorded as the validation
    .test = Count the rows that training and validation have in common, before the training.

finding-evaluation-inputs =
    .explained = In evaluations the model is given other numbers than in training: mean or standard deviation, or the sequences of tokens, differ by more than batches differ from each other. Compare the preprocessing of both (normalisation, scale, order of channels, vocabulary).
    .sentence = inputs have mean { G($mean, digits: 2) } and standard deviation { G($std, digits: 2) } in training, and { G($other_mean, digits: 2) } and { G($other_std, digits: 2) } in evaluations
    .tokens = evaluations read other sequences of tokens than training: { PERCENT($share) } % of the pairs of neighbours are other than those of the first updates, where training's own batches have { PERCENT($own) } %; their loss is the higher from the first evaluation on
    .new-tokens = evaluations read other sequences of tokens than training: { PERCENT($share) } % of the pairs of neighbours in the first one had come in no update, where it was { PERCENT($own) } % of those in training's own new texts; no evaluation is better than a guess
    .augmentation = strong augmentation or noise that acts in training alone
    .other-data = validation data that are meant to be of another kind, or of a later time
    .test = Put the same example through both preprocessings and compare what the model is given.
    .test-tokens = Encode one text as training does and as the evaluation does, and compare the numbers: a vocabulary built from the validation texts gives other numbers for the same words.

finding-changed-inputs =
    .explained = From one step on the model is given other numbers than before, at once and for good. Look at what happens to the data there: preprocessing that is applied twice, in place, or no longer; another source; a vocabulary that is built anew.
    .sentence = from { $axis } { $step } on inputs have mean { G($other_mean, digits: 2) } and standard deviation { G($other_std, digits: 2) }; before they had { G($mean, digits: 2) } and { G($std, digits: 2) }
    .alike = from { $axis } { $step } on { PERCENT($share, digits: 2) } % of the rows of a batch are identical; before they all differed
    .tokens = from { $axis } { $step } on texts are other sequences of tokens: { PERCENT($after) } % of the pairs of neighbours are other than at first, where it was { PERCENT($before) } % before
    .drift = the inputs of training change little by little: their standard deviation goes from { G($first, digits: 2) } to { G($last, digits: 2) }, while that of evaluations stays at { G($other, digits: 2) }, and the loss rises again: what prepares them adds up from epoch to epoch
    .test-drift = Print one example of the data set before the first and after the second epoch: an augmentation that works in place (torch.from_numpy shares its memory, x += noise) changes the data themselves.
    .test-tokens = Print one text before and one after this step, as numbers and as text: another vocabulary gives other numbers for the same words.
    .on-purpose = a planned curriculum, or a planned change of data
    .test = Print the mean of a batch before and after this step, at each stage of the preprocessing.

finding-input-axes =
    .explained = The inputs have the right shape, and their numbers are in the wrong places: each row is a mixture of rows or channels, in which nothing lies beside its neighbour. Mostly reshape or view stands where transpose or permute belongs. Look at one input as a picture, right before the model.
    .sentence = the axes of the inputs are mixed up: numbers that are { $distance } places apart go together as neighbours do (correlation { G($apart, digits: 2) }), and those a whole row apart, which are neighbours by the shape, do not ({ G($below, digits: 2) }): reshape (view) where transpose (permute) belongs
    .periodic = data that repeat at this very distance by themselves
    .test = Plot one input right before the model; of pictures in rows and columns (H, W, C), permute(2, 0, 1) makes (C, H, W), and reshape does not.

finding-outlier-batch =
    .explained = One batch holds numbers that are far outside those of all batches before, and the loss rises at that very update: a corrupt file, a missing value that was filled in, a batch that was not normalised. Find its rows, and mend them or leave them out.
    .sentence = the inputs of the update at step { $step } are far outside those of all updates before: { $what } { G($value, digits: 3) } instead of { G($usual, digits: 3) }. The loss goes from { G($before, digits: 3) } to { G($loss, digits: 3) } there{ $more ->
        [0] { "" }
        [one] , and at one more such update
       *[other] , and at { $more } more such updates
    }
    .rare = data that rarely hold such values, and rightly
    .test = Print the smallest and the largest number of this batch, and the rows that hold them.

finding-one-class-batches =
    .explained = Each batch holds targets of few classes, and the next batch of others: the training data are sorted, or grouped, by their labels. The model learns one class and unlearns another. Shuffle them.
    .sentence = a batch of { $count } targets holds { G($classes, digits: 2) } of { $total } classes, where a shuffled one would hold { G($expected, digits: 2) }
    .on-purpose = classes that are learnt one after another on purpose (continual learning)
    .test = Print the targets of the first three batches.

finding-changed-targets =
    .explained = The same input comes with a different target each time: targets do not belong to their inputs. One of the two is shuffled, or drawn again, without the other.
    .sentence = { $count } inputs came again, { PERCENT($share, digits: 2) } % of them with another target than before, from { $axis } { $first } on
    .since = from { $axis } { $first } { $ended ->
        [yes] to { $last }
       *[no] on
    } { PERCENT($share) } % of { $count } inputs that came again have another target than before; until then hardly any of { $known } had
    .test-since = Print some inputs with their targets, before and after that step, and look for what reads or makes the targets from there on.
    .on-purpose = targets that are recomputed on purpose (clusters, labels of a teacher)
    .test = Print the first inputs of the data set with their targets, in two epochs.

finding-target-shift =
    .explained = A sequence model is asked for the token that it is given, or for the one after the next. Targets are the inputs shifted by one: not by none, and not twice.
    .sentence = { PERCENT($share, digits: 1) } % of the targets are { $shift ->
        [0] the input's token at the same position
       *[other] the input's token two positions later: they were shifted twice
    }
    .told = { PERCENT($share, digits: 1) } % of the targets are the token at the same position of a text that the model is given, and its output there depends on that token: the decoder is told what it is asked for
    .on-purpose = { $shift ->
        [0] a model that is meant to give its input back (an autoencoder, denoising)
       *[other] a head that is meant to predict the token after the next
    }
    .test = Print the first ten tokens of an input above its targets.

finding-loss-form =
    .explained = The gradient is, number for number, that of a loss with a mistake: a second softmax or sigmoid, no logarithm, an activation on the logits, or outputs and targets of two shapes, broadcast against each other. Give the loss what it is made for: cross_entropy takes logits, nll_loss log-probabilities, mse_loss tensors of one shape.
    .sentence = the gradient of the loss is that of { $form ->
        [softmax-twice] a softmax applied twice: the outputs are probabilities already, and the loss takes them for logits
        [sigmoid-twice] a sigmoid applied twice: the outputs are probabilities already, and the loss takes them for logits
        [log-softmax-missing] the negative output at the target: the loss takes logits for log-probabilities
        [softmax-over-batch] a softmax over the rows of the batch instead of the classes: the probabilities of each class add up to 1 over the batch, those of a row do not
        [broadcast] every output compared with all targets of its batch instead of its own: outputs of shape [N, 1] and targets of shape [N] are broadcast
        [rectified] logits that are never below zero: the smallest of every batch is exactly 0, as after a ReLU
        [relu-on-logits] a ReLU between the model's output and a cross-entropy: outputs below zero get no gradient
        [sigmoid-on-logits] a cross-entropy of logits that went through a sigmoid: between 0 and 1, they cannot say that a class is certain
        [tanh-on-logits] a cross-entropy of logits that went through a tanh: between -1 and 1, they cannot say that a class is certain
        [dropout-on-logits] a cross-entropy of logits some of which are set to exactly 0 at random, as by a dropout behind the last layer
       *[other] the negative probability of the target, without its logarithm
    }
    .on-purpose = a loss that is meant to have this form
    .test = newllm.check(model, optimizer, loss, batch) shows the form of the loss before the first step.
    .test-shape = Print the shapes of output and target where the loss is computed: they must be the same.

finding-single-target =
    .explained = All targets are the same, so that nothing but the output bias is learnt. In a language model it is mostly a loss mask that is the wrong way round: padding counts, and the text is left out. Print the targets of a batch, and which of them count.
    .sentence = all { $count } targets that were examined are { $is_text ->
        [yes] token
       *[other] class
    } { $target }
    .on-purpose = one class on purpose, as in anomaly detection
    .test = Print the targets of three batches, and which of them count in the loss.
    .number = in all { $count } batches that were examined every output is held against the same number, { G($target, digits: 3) }
    .number-test = Print the targets of three batches as the loss gets them: a conversion to whole numbers cuts 0.7 to 0.

finding-ignored-class =
    .explained = The loss leaves out every row of one class, so this class is never learnt; an accuracy counts these rows, and stays low. Mostly ignore_index, or a weight of 0, is the number of a real class. Use a number that no class has (-100 is the default).
    .sentence = rows of class { $target } do not count in the loss: { PERCENT($share) } % of the rows of a batch have no gradient, and of all classes only this one is never asked for
    .on-purpose = a class that stands for "no label", and is left out on purpose
    .test = Count the rows of each class, and print the loss with reduction="none" for one row of each.

finding-reversed-weights =
    .explained = The loss counts a frequent class for more than a rare one, so that rare classes are hardly learnt. Weights of classes are meant to make up for rare ones. Mostly they are the shares instead of their inverse, `pos_weight` is positives by negatives, or they stand in another order than the classes.
    .sentence = the loss weighs frequent classes more than rare ones: in { $count } batches that were examined a class's weight goes by its frequency to the power { G($power, digits: 2) } (-1 would make up for it), and the largest weight is { G($apart, digits: 3) } times the least
    .meant = mistakes of the frequent class are meant to cost more
    .test = Print each class's weight beside how many rows it has, by the numbers that the targets use.

finding-place-in-batch =
    .explained = What the loss asks of a row hangs on where the row stands in its batch, and nothing is learnt. A loss that compares rows (a partial likelihood, a ranking, a running sum) takes them in the order in which they happen to come: sort them first, by time or by score, and their targets with them.
    .sentence = the gradient of a row hangs on its place in the batch: in { $count } batches that were examined it { $falls ->
        [yes] falls
       *[no] rises
    } from the first row to the last (correlation { G($by, digits: 2) } in either half), and nothing is learnt. Rows that are drawn by chance have no such order
    .ordered = batches whose rows are in an order of their own
    .test = Compute the loss of one batch, and again with its rows in another order (inputs and targets alike): it must be the same.

finding-unasked-end =
    .explained = The token that ends a text stands in the inputs, and no text is ever asked to end: the model does not learn to stop, and generates up to its limit. Mostly the padding token is the end token too, and the loss leaves out all padding. Give padding a token of its own, or make the labels from the attention mask.
    .sentence = the token that ends a text ({ $token }) is never a target: at all { $count } ends that were examined the text before it counts in the loss, and its end does not{ $padding ->
        [yes] . The attention mask takes each of them for padding: a model that is only to read texts needs no end
       *[other] {""}
    }
    .on-purpose = a model that is not to generate, or that is stopped otherwise
    .test = Print the labels of a batch: behind each text { $token } should be among them, once.

finding-mirrored-targets =
    .explained = Of the maps that are asked for (masks, say) a part fits what the model gives better mirrored than as it is, although the model knows where things are. An augmentation mirrors pictures and their targets apart: draw once for both, and look at some pairs as training gets them.
    .sentence = { PERCENT($share) } % of the maps that are asked for fit what the model gives better mirrored, from { $axis } { $step } on: pictures and targets are mirrored apart from each other
    .sides = inputs that do not say which side is which, while the targets do
    .test = Draw some pairs of pictures and targets as training gets them, one over the other.

finding-constant-output =
    .explained = All rows of a batch get the same output, whatever the model is given: units died, an activation is saturated everywhere, weights became nothing or far too large, or a part of the model is cut off. See at which layer the rows become equal; a lower learning rate, clipping or another initialisation keeps units alive.
    .sentence = From { $axis } { $first } on all rows get the same output, whatever the model is given, in all of the last { $points } sampled updates{ $before ->
        [none] { "" }
       *[other] ; before, rows differed by { PERCENT($before) } % of their size
    }
    .dead = units that died: their input is below 0 for every row, as after too long an update
    .saturated = an activation that is saturated everywhere
    .cut = a part of the model between input and output that gives nothing (multiplied by 0, masked, or never connected)
    .test = Run two different rows through the model layer by layer, and find the first layer that gives the same for both.

finding-unasked-rows =
    .explained = The loss counts no place of many texts, so nothing is learnt of them. As a rule a mask that is to leave out prompts or padding leaves out the answers too: a marker that is not found, or a text that is cut before its answer. Print some of these texts with the places that count.
    .sentence = From { $axis } { $first } on { PERCENT($share) } % of the texts of an update have no target at all: the loss counts none of their places{ $before ->
        [none] { "" }
       *[other] {" "}(before, { PERCENT($before) } %)
    }
    .cut = texts that are cut to a length at which their answer has not begun
    .filler = texts that only fill a batch up, and are to be left out
    .time = an output whose first axis is time, of which the loss takes one place alone
    .test = Print, for some texts of one batch, which places have a target.

finding-outputs-bounded =
    .explained = Outputs end where an activation ends (a ReLU, a softplus and a sigmoid at 0, a sigmoid and a tanh at 1, a tanh at -1), and targets go on beyond, so that no weights can give them. Take away the activation behind the last layer, or bring the targets into its range.
    .sentence = outputs end at { G($edge, digits: 2) }: none is { $side ->
        [below] below
       *[above] above
    } { G($bound, digits: 2) } in the last { $points } sampled updates, and a tenth of the targets is { $side ->
        [below] below
       *[above] above
    } { G($far, digits: 2) }
    .rest = true values that end there, with noise on the targets
    .test = Print the smallest and the largest number of the outputs and of the targets of a batch, and look at the last module of the model.

finding-input-scale =
    .explained = Inputs are hundreds of times as large as weights are drawn for. Outputs are as large, the first loss is far above that of a guess, and one column may drown out all others. Standardise each column by the mean and the standard deviation of the training rows.
    .sentence = inputs have a root mean square of { G($size, digits: 2) }, and { $layer } gives { G($activation, digits: 2) } back: the first loss is { G($loss) }, where a guess would have { G($guess, digits: 2) }
    .test = Print mean and standard deviation of each column of a batch, as the model gets it.

finding-tiny-batch =
    .explained = Batch norm computes mean and variance from the rows of a batch. Of a few rows they say nothing: of two, each number becomes about plus or minus 1. That is mostly the rest at the end of an epoch. Leave it out (drop_last=True), or choose a batch size that leaves no small rest.
    .sentence = batch norm gets a batch of { $rows } rows, where { $usual } are usual, at { $axis } { $first }{ $period ->
        [0] {""}
       *[other] {" "}and every { $period } after it
    } ({ $count ->
        [one] once
       *[other] { $count } times
    }){ $by ->
        [none] {""}
        [loss] ; the loss is { G($times, digits: 2) } times as high there
       *[gradient] ; the gradient is { G($times, digits: 2) } times as large there
    }
    .test = Train with drop_last=True in the DataLoader, and compare the validation loss.

finding-doubtful-setting =
    .explained = A setting that is nearly always a slip. Adam wants beta1 below beta2, mostly 0.9 and 0.999. The momentum of a batch norm is the share of the newest batch in PyTorch, mostly 0.1, where TensorFlow means the share of what was before: its 0.99 is 0.01 here. Dropout's p is what is left out.
    .sentence = { $which ->
        [betas] the optimizer's betas are { G($beta1) } and { G($beta2) }: exchanged, it seems. The average of the gradients forgets more slowly than that of their squares, by which it is divided
        [still] the running statistics of batch norm, which evaluation uses, never move: momentum is 0 (layers: { $layers })
       *[newest] the running statistics of batch norm, which evaluation uses, are those of the newest batch: momentum is { G($momentum) } (layers: { $layers })
        [dropout] dropout leaves out { PERCENT($share) } % of a layer's numbers at each update: its p is the share that is left out, not the one that stays
        [smoothing] targets are smoothed so far that they say little: their own entropy is { G($entropy) } nats, that of a guess { G($guess) }
    }
    .on-purpose = a setting that is meant, as statistics that are kept still on purpose
    .test = { $which ->
        [betas] Give betas=({ G($beta2) }, { G($beta1) }) and compare the loss.
        [dropout] Train with a p of { G($kept) } and compare the losses.
        [smoothing] Train with label_smoothing=0.1 and compare the accuracy.
       *[other] Leave the momentum at 0.1 and compare the validation loss.
    }

finding-uniform-noise =
    .explained = The noise that the model is to tell is drawn evenly between 0 and 1. A diffusion model adds noise of mean 0 and standard deviation 1, and begins with such noise when it draws, so what it learns here does not fit. Look for torch.rand or rand_like where randn or randn_like belongs.
    .sentence = the targets are noise drawn evenly between 0 and 1 (mean 0.5, standard deviation 0.29), where a diffusion model is asked for standard normal noise (mean 0, standard deviation 1)
    .by-itself = targets that are spread evenly between 0 and 1 by themselves, or a method that is meant to use such noise
    .test = Print mean and standard deviation of the noise that is added; replace rand_like by randn_like and draw samples.

finding-untrained-start =
    .explained = The training is called a fine-tuning, and its layers begin as they are made: norms of exactly 1 and 0, weights as torch draws them, biases of 0. A checkpoint was not loaded, or into another model. load_state_dict(..., strict=False) is silent where no name fits, as where a prefix is missing.
    .sentence = the fine-tuning begins with fresh weights: { PERCENT($share) } % of the numbers of which it can be told are as layers are made, so no checkpoint was loaded into them
    .from-scratch = a training from scratch that is called a fine-tuning
    .test = Print what load_state_dict returns (missing_keys, unexpected_keys), and compare the names with model.state_dict().

finding-copy-without-statistics =
    .explained = A copy of the model that follows its weights, as an average of them does, has batch norms whose running statistics were never set: mean 0 and variance 1. Evaluated, it normalises by these. Average or copy the buffers too (state_dict() in place of parameters()), or AveragedModel(use_buffers=True).
    .sentence = evaluations do not call the model itself, and a copy that follows its weights has batch norms without statistics: their running mean is 0 and their variance 1, while the model's own have moved
    .unused = a copy that is kept for something else than evaluation
    .test = Copy the buffers of the trained model into the copy (for a, b in zip(copy.buffers(), model.buffers()): a.copy_(b)) and evaluate it again.

finding-lost-writes =
    .explained = The model assigns values by index, and the same place is named several times: all but one of the values meant for it are lost. total[index] += x adds once for each place, in PyTorch as in NumPy. To add all of them up use total.index_add_(0, index, x), or scatter_add_.
    .sentence = an assignment by index writes several values to the same place: { PERCENT($share, digits: 2) } % of them are lost, as total[index] += x keeps one for each place
    .same = values that are the same wherever they meet
    .test = Replace the assignment by index_add_ (or index_put_ with accumulate=True) and compare the outputs for one batch.

finding-equal-views =
    .explained = A training without targets, as a contrastive one, is to tell which two views belong together, and both are the same: there is nothing to look past, so features of everything but the content are learnt too. Mostly the augmentation draws the same numbers for both, from a seed in place of a generator that goes on.
    .sentence = each row of an update comes exactly twice, in all { $count } updates that had equal rows: the two views of a pair are the same, number for number
    .on-purpose = a batch that is given twice on purpose, as to compare two draws of dropout
    .test = Print the largest difference between the two views of one example: it must not be 0.

finding-lost-updates =
    .explained = Weights of 16 bits (bfloat16, float16) move in steps of up to 0.8 % of their size. An update that is smaller than half a step is rounded away, so that such a weight never moves, however long one trains. Keep the weights in float32 and compute in 16 bits with torch.autocast, or use an optimizer that keeps 32-bit copies.
    .sentence = { PERCENT($share) } % of the numbers in 16-bit weights are the same at { $axis } { $last } as at { $axis } { $first }, though they have gradients: their updates are rounded away
    .layers = { $layers } { $count ->
        [one] has gradients and never moves
       *[other] have gradients and never move
    }: in weights of 16 bits their updates are rounded away
    .tiny = a learning rate that is meant to be tiny here
    .test = Train 100 steps with the model in float32 and torch.autocast(dtype=torch.bfloat16), and compare the losses.

finding-no-context =
    .explained = The model tells the next token from the latest one alone: what came before has exactly no influence, so it learns no more than which token follows which. Mostly attention runs over another axis than the positions (heads and positions exchanged in scaled_dot_product_attention), or a state is set back at each position.
    .sentence = the output at a position depends on the token there alone, and on none before it: in all { $count } batches that were examined the gradient to the earlier tokens is exactly 0, so there is no context to tell the next token from
    .on-purpose = a model that is meant to read one token (bigrams)
    .test = In evaluation mode, change the first token of a text: the output at later positions must change. For attention, print the shape of queries, keys and values: (batch, heads, positions, channels).

finding-not-causal =
    .explained = A model sees the token, or the number, that it should predict, so its loss says nothing: a mask is missing or off by one, a convolution is padded on both sides, or a layer reads in both directions. Change the last token of a text: no earlier output may move.
    .sentence = { $since ->
        [none] the
       *[other] from { $axis } { $since } at the latest the
    } output before the last token depends on the last token, which it should predict: { G($share, digits: 2) } times as strongly as on the token that matters most, where a mask would leave exactly zero{ $since ->
        [none] { "" }
       *[other] , as there was at first
    }
    .numbers = { $since ->
        [none] the
       *[other] from { $axis } { $since } at the latest the
    } output before the last position depends on the last input, and the targets are the inputs { $places ->
        [one] one place
       *[other] { $places } places
    } later: { G($share, digits: 2) } times as strongly as on the input that matters most, where a model that reads only the past has exactly zero{ $since ->
        [none] { "" }
       *[other] , as there was at first
    }
    .on-purpose = a model that is meant to see the whole text, and does not predict the next token
    .test = Change the last token of a batch and compare the outputs at all earlier positions; newllm.check does so too.

finding-batch-as-time =
    .explained = A recurrent layer, or one of attention, takes the first axis of what it is given for time (batch_first=False, torch's default), and that axis is the batch. So it goes from row to row, and an output depends on other rows: give the layer batch_first=True, or transpose what it is given.
    .sentence = a layer takes the first axis for time (batch_first=False), and that is the batch: each row is read as a step of one long text, and its output depends on other rows
    .on-purpose = rows that follow each other in time, on purpose
    .test = Change one row of a batch: in evaluation mode no other row's output may move. newllm.check does that.

finding-unread-tokens =
    .explained = The output depends on one token alone, wherever it stands, and on none of the rest. That is mostly a padding mask the wrong way round: in PyTorch's attention True means "leave it out", in transformers 1 means "read it".
    .sentence = the outputs depend on one token alone, and on none of { $count } others
    .on-purpose = texts in which nothing else is to be read
    .test = Print the mask beside the tokens, and change a token of the text: the output must move.

finding-loss-multiple =
    .explained = The loss is a sum where a mean is usual, so the gradient grows with the number of targets, or of micro-batches. Divide the loss by that number once, or make sure that the learning rate was chosen for a sum.
    .sentence = the loss is { G($times, digits: 3) } times the mean over its targets: it is summed over { $how ->
        [passes] the micro-batches of an update
       *[other] its targets
    }
    .divided = the gradient is that of 1/{ FIXED($passes) } of the mean loss, with { FIXED($passes) } backward passes per update: the loss is divided by the number of passes twice
    .on-purpose = an intended sum, with a learning rate that was chosen for it
    .test = Compare the gradient norm with that of a batch of half the size.

finding-update-in-evaluation-mode =
    .explained = Updates are made while the model is in evaluation mode: dropout does nothing, and batch norms use their stored statistics without updating them. Usually an evaluation called model.eval() and nothing called model.train() after it.
    .sentence = { $whole ->
        [yes] all updates were made in evaluation mode: dropout does nothing, and batch norms do not update their statistics
       *[no] from { $axis } { $first } on updates are made in evaluation mode (before that, in training mode): dropout does nothing any more, and batch norms no longer update their statistics
    }
    .new = all updates were made in evaluation mode, and the batch norms' running statistics are those of new ones, mean 0 and variance 1: they do not normalise, never learn their statistics, and dropout does nothing
    .on-purpose = a model that is trained in evaluation mode on purpose (frozen statistics)
    .test = Call model.train() after each evaluation and compare.

finding-weight-decay =
    .explained = Weight decay is most of each update: weights are pulled towards zero faster than they learn. With AdamW a weight decay of 0.01 to 0.1 is usual.
    .sentence = weight decay alone is { PERCENT($share, digits: 2) } % of the usual update of { $worst } (layers: { $layers }); about 1 % is usual
    .one-value = weight decay, { G($decay) }, alone is { PERCENT($share, digits: 2) } % of the usual update of { $worst } (layers: { $layers }); about 1 % is usual
    .on-purpose = weights that are meant to shrink, as in pruning
    .test = Train again with a hundredth of the weight decay.
    .less = Train again with a hundredth of the weight decay, { G($decay) }.
