# What in a run speaks for a cause: follows a cause's name.
cause-because = { $cause } ({ $percent } %): { $reason }
cause-perhaps = perhaps { $cause } ({ $percent } %): { $reason }

follows = follows from { $root }
because-seen = the finding itself shows it
because-rate-jumped = the learning rate went from { G($before) } to { G($after) } at { $axis } { $step }
because-grew-first = the loss had grown to { G($factor, digits: 2) } times its first value before
because-updates-large = updates are far too large for their weights
because-units-died = units died, or gates stuck, from { $axis } { $step } on
because-rate-rose = the learning rate was rising, from { G($before) } to { G($after) }
because-from-start = the loss is above its start from { $axis } { $step } on, and stays there
because-rate-tiny = the rate is { G($rate) } at its highest, with which hardly any model is trained from its start
because-rate-small = the rate is { G($rate) } at its highest, the gradient stays as it was, and the loss falls all along, by little
because-always-falls = the loss falls all along, by next to nothing
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
because-loss-constant = the loss is { G($value, digits: 5) } at every point, to five digits
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
because-never-learnt = the usual validation loss is { G($validation) }, above the { G($start) } that training began at, while training learns
because-only-validation-jumps = the validation loss jumps while the training loss does not
because-gap-on-new-data = the gap is there within the first epoch, when training data are as new as validation's
because-training-moved = the training loss moved meanwhile
because-unknown-tokens = these targets never occur in training
because-floor = the loss stands at the least that two of them allow
because-validation-guesses = training is learnt, while { PERCENT($accuracy, digits: 1) } % of validation are right, as by guessing ({ PERCENT($chance, digits: 1) } %)
because-validation-never-right = training is learnt, while { PERCENT($accuracy, digits: 1) } % of validation are right, far fewer than by guessing ({ PERCENT($chance, digits: 1) } %)
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
because-gradient-grew-first = the gradient norm had grown before { $axis } { $step }, as it does where each update goes further than the last
because-worse-than-start = the loss goes up to { G($peak) }, above the { G($start) } that it began at, for { $points } points
because-policy-leaps = each update takes the policy { G($kl, digits: 2) } nats away from where it was
because-learnt-anew = loss and gradient are at their worst at once, at { $axis } { $step }, and come back little by little over { $points } points, as what is learnt anew does
because-unlearnt = the loss is up at once, at { $axis } { $step }, above a level that it had learnt, and never comes back
because-by-heart = training comes from { G($start) } down to { G($end) }, while validation never gains from it
because-few-train = the loss falls all along, by little, at a usual rate, while the gradient of the whole model stays as it was: few weights move
because-last-bias = the gradient scatters from batch to batch as that of the last bias alone: nothing of the inputs reaches the output
because-outputs-equal = training and validation are at the loss of equal outputs to three digits: the weights are gone
because-constant-multiple = the training loss is { G($first, digits: 2) } times the validation loss at the first evaluations, and { G($last, digits: 2) } times at the last
because-multiple-of-chance = the loss stands at { G($times, digits: 2) } times that of a guess which is right as often
because-above-in-training = training ends { G($times, digits: 2) } times as high as validation, and nothing made its loss rise
because-noisy-in-training = training began above the level at which validation stands from the first evaluation on, and comes down to it and no further
because-entropy-at-most = the entropy of the policy stays at { G($entropy) }, that of equal chances
because-own-part-small = { SIGNAL($part) } alone is about as high as the validation loss: the rest of the training loss outweighs it
because-part-maximised = the loss falls as { SIGNAL($part) } grows: it is subtracted
because-mirrors-validation = the training loss is the validation loss with the other sign
because-only-climbs = the loss climbs from { G($start) } to { G($end) }, steadily and from the first update on
because-below-zero = no loss of this kind falls below zero
because-sure-in-vain = validation rises to { G($validation) }, so the outputs have become large, while the training loss hardly answers: from { G($start) } to { G($end) }, less than one nat
because-other-units = training comes from { G($start) } to { G($end) }, while validation stays at { G($validation) } to within one percent: what is learnt is not what is asked
because-validation-unhelped = training comes from { G($start) } to { G($end) }, while validation stays at { G($validation) }, about where training began: what is learnt neither helps nor harms
because-pairs-at-chance = the loss stands at ln 2: the two answers of a pair are told apart no better than by chance
because-only-validation-not-finite = the training loss of the same weights is finite throughout
because-behind-training = validation improves, and stays far behind training from the first evaluations on
because-rate-high = the rate is { G($rate) }, ten times and more what such models bear with the usual optimizers
because-class-never-found = { PERCENT($accuracy, digits: 1) } % are right at every evaluation, and { SIGNAL($signal) } is zero: the rare class is never predicted
because-share-of-a-class = { PERCENT($accuracy, digits: 1) } % are right at every evaluation, as where one answer is given to everything
because-about-a-mean = the loss scatters by { PERCENT($scatter) } % about one level, as squared errors do where only the mean of the targets is known
because-right-and-unsure = { PERCENT($accuracy) } % of validation are right, while the loss stands where it began: something keeps the model from being sure
