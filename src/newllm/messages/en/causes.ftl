# What in a run speaks for a cause: follows a cause's name.
cause-because = { $cause } ({ $percent } %): { $reason }

follows = follows from { $root }
because-seen = the finding itself shows it
because-rate-jumped = the learning rate went from { G($before) } to { G($after) } at { $axis } { $step }
because-grew-first = the loss had grown to { G($factor, digits: 2) } times its first value before
because-updates-large = updates are far too large for their weights
because-units-died = units died, or gates stuck, from { $axis } { $step } on
because-rate-rose = the learning rate was rising, from { G($before) } to { G($after) }
because-from-start = the loss is above its start from { $axis } { $step } on, and stays there
because-rate-tiny = the rate is { G($rate) } at its highest, and the gradient stays as it was at first
because-rate-small = the rate is { G($rate) } at its highest, the gradient stays as it was, and each evaluation is a little better
because-always-falls = each evaluation is a little better than the last, by next to nothing
because-rate-zero = the rate is nothing from { $axis } { $step } on
because-schedule-turned = the rate rises again from { $axis } { $step } on, as smoothly as it fell
because-schedule-ended = the rate fell little by little, and is nothing from { $axis } { $step } on
because-warm-up-unfinished = the rate rises to the last point
because-schedule-restarted = the rate goes from { G($before) } to { G($after) } at { $axis } { $step }, where its schedule begins anew
because-clipped-away = clipping leaves { PERCENT($left, digits: 2) } % of the gradient
because-falls-short = steps of this rate along this gradient should lower the loss by about { G($expected, digits: 2) }, and it fell by { G($fall, digits: 2) }; the gradient stays as it was
because-weights-shrink = weights have come to { PERCENT($factor) } % of their norm
because-second-moment = Adam's second moment lags behind the gradient
because-resumed = several signals jump at { $axis } { $step }, as after a resume
because-gradient-carried = the recorder saw the last gradient still there before an update
because-gradient-grows = the gradient norm grows and hardly scatters, as a sum over all batches does
because-accumulation-scale = the gradient grows with the number of backward passes
because-no-gradient = the gradient norm is exactly zero
because-loss-constant = the loss is { G($value, digits: 6) } at every point, to its last digit
because-batch-with-gradient = loss and gradient rise for { $points ->
    [one] one point
   *[other] { $points } points
} and are back at once
because-batch-gradient = the gradient rises for { $points ->
    [one] one point
   *[other] { $points } points
} and is back at once
because-batch-alone = the loss rises for { $points ->
    [one] one point
   *[other] { $points } points
} and is back at once
because-block = the loss is up at once, level for { $points } points, and down at once
because-periodic = it comes every { $every } steps, { $times } times
because-data-order = batches are like their neighbours, or change their kind along the data
because-validation-gains = validation improves there, from { G($before) } to { G($after) }: training has gone on to data of its kind
because-comes-again = such a rise comes { $count } times
because-loss-dropped = the loss had fallen far below its trend at { $axis } { $step }
because-over-fits = the training loss falls by { PERCENT($fell) } % while the validation loss rises
because-too-good = the loss is nearly nothing on held-out data too
because-learnt-unseen = the training loss comes from { G($start) } to { G($loss) } within the first epoch, on batches that are new, while validation gains nothing
because-never-learnt = validation stays at { G($validation) }, above the { G($start) } that training began at, while training learns
because-only-validation-jumps = the validation loss jumps while the training loss does not
because-gap-on-new-data = the gap is there within the first epoch, when training data are as new as validation's
because-training-moved = the training loss moved meanwhile
because-unknown-tokens = these targets never occur in training
because-floor = the loss stands at the least that two of them allow
because-validation-guesses = training is learnt, while { PERCENT($accuracy, digits: 1) } % of validation are right, as by guessing ({ PERCENT($chance, digits: 1) } %)
because-updates-skipped = updates were skipped
because-gradient-not-finite = the gradient is not finite from { $axis } { $step } on
because-gradient-first = the gradient was not finite first, at { $axis } { $step }, while the loss still was
because-finite-again = the loss is finite again behind it
because-state-changed = weights or moments changed before { $axis } { $step }, and not by the optimizer
because-context-grows = the context grows with every position
because-embedding = the embedding is updated { G($times, digits: 2) } times as much as other layers
because-signal-fades = the signal, or the gradient, fades with depth
because-bad-start = the model starts sure and wrong, above ln V
because-frozen = a layer that should train never moves
because-dead-units = most units of a layer are zero for every input
because-rate-negative = the rate is below zero from { $axis } { $step } on
because-validation-unmoved = validation hardly moves from its first evaluation to its last, while training learns: it is made of other weights (an average, or old ones)
because-stands-still = all evaluations are equal to the last digit, although there are a rate and a gradient: the optimizer holds other weights
