# Findings of trainings that are no plain supervised ones, and of what is logged beside the loss.

finding-generator-stands-still =
    .explained = The generator gets no gradient: its samples do not change while the discriminator learns to recognise them. Look for a detach() or no_grad() between its loss and its weights, and check whether its optimizer has its parameters.
    .sentence = { SIGNAL($measure) } only scatters about { G($usual) } while { SIGNAL($generator) } goes from { G($others_start) } to { G($others) } and { SIGNAL($discriminator) } falls from { G($start) } to { G($level) }: the generator does not change
    .test = Print the norm of the gradient of one of the generator's weights after its backward pass.

finding-discriminator-wins =
    .explained = The discriminator tells samples from data almost without error, so the generator gets hardly any gradient that helps. Give the discriminator fewer steps, a smaller learning rate, or noise in its inputs.
    .sentence = { SIGNAL($discriminator) } stays at about { G($level) } from { $axis } { $first } to { $last } (it began at { G($start) }) while { SIGNAL($generator) } is at { G($others) } (it began at { G($others_start) }): the discriminator has won
    .easy-to-tell = data and samples differ in something trivial, such as their scale
    .test = Train the generator alone for a while against the discriminator as it is: its loss should fall.

finding-generator-wins =
    .explained = The generator's loss has gone to almost zero and the discriminator does not respond: it is no longer trained, or cannot tell anything any more. Samples only exploit the discriminator's mistakes. See whether the discriminator's weights still change.
    .sentence = { SIGNAL($generator) } falls to { G($level) } from { $axis } { $first } on (it began at { G($start) }) while { SIGNAL($discriminator) } stays at { G($others) }{ $still ->
        [yes] { " " }and hardly scatters any more
       *[no] { "" }
    }: the discriminator does not respond
    .weak = the discriminator is far too small for its task
    .test = Train the discriminator alone for a while: its loss should fall below that of guessing.

finding-mode-collapse =
    .explained = The samples of the generator have become alike: it produces the one thing that the discriminator accepts. Look at a batch of samples; a smaller learning rate, or a discriminator that sees several samples at once, helps.
    .sentence = { SIGNAL($signal) } was as high as { G($peak) } and is at { G($level) } from { $axis } { $first } on: the samples are nearly all the same
    .test = Count how many different samples there are among a hundred.

finding-values-above-returns =
    .explained = The values are higher than what any episode earns, and rise on: they are learnt from each other and no longer from rewards. The target of a last state must be its reward alone (a factor of 1 - done, set where an episode ends by itself); then look at the target network, the discount and double Q-learning.
    .sentence = { SIGNAL($signal) } has risen to { G($level) }, { G($times, digits: 2) } times the best return of an episode ({ SIGNAL($returns) }, { G($best) }): no episode earns what these values promise
    .scaled = returns that are logged in other units than the rewards that are learnt from
    .cut = episodes that are cut, and whose values count what would come later
    .test = Compute the discounted return of a few whole episodes by hand, and compare it with the values of their first states.

finding-kl-weight =
    .explained = The weight of the KL term grows at every step, far beyond 1, and has no end: it presses the code towards nothing, and the reconstruction stays bad. A warm-up of this weight ends at 1, or where you set it: cap it with min(1, step / warm_up).
    .sentence = the weight of { $signal } in the loss passes 1 at { $axis } { $first } and is { G($weight, digits: 2) } at { $axis } { $last }, still growing
    .on-purpose = a weight that is meant to grow without end
    .test = Print the weight at the first, the middle and the last step.

finding-posterior-collapse =
    .explained = The KL divergence is almost zero: the latent code carries no information, and the decoder has learnt to do without it. Lower the weight of the divergence, raise it slowly, or leave the first few nats unpenalised (free bits).
    .sentence = { SIGNAL($signal) } falls to { G($level) } { $peak ->
        [none] with the first updates and stays there
       *[other] (at most { G($peak) } before) and stays there from { $axis } { $first } on
    }{ $reconstruction ->
        [none] { "" }
       *[other] , while { SIGNAL($reconstruction) } stands at { G($stands) }
    }: the latent code carries no information
    .strong-decoder = a decoder so strong that it needs no code
    .test = Decode the codes of two different inputs: the outputs are the same if the code carries no information.

finding-kl-explosion =
    .explained = The policy has moved far away from its reference, or from what it was before the update. What it is rewarded for there may be an error of the reward function. Raise the weight of the divergence, or lower the learning rate.
    .sentence = { SIGNAL($signal) } was at about { G($usual) }, grows sharply from { $axis } { $first } on and is at { G($level) }
    .weight = a weight of the divergence that was meant to be small
    .test = Read what the policy writes, or does, at the first such step and at the last.

finding-entropy-collapse =
    .explained = The policy is certain of what it does, and what it does is wrong now: it no longer explores, so it cannot recover. Reward entropy, lower the learning rate, and see at which step the entropy vanished.
    .sentence = { SIGNAL($signal) } falls from { G($start) } to { G($level) } and is almost zero from { $axis } { $first } on; { SIGNAL($reward) } falls from about { G($before) } to about { G($now) } around { $lost } and does not recover
    .solved = a policy that is rightly certain, in an environment that has changed
    .test = Go on from before the collapse with a bonus for entropy: the reward should recover.

finding-reward-falls =
    .explained = The reward is lower than it was, and stays so. If it falls from the first updates on, look first at the sign of the advantage and of the loss, and at which rewards go with which actions.
    .sentence = { SIGNAL($signal) } falls from { G($before) } to { G($now) } { $when ->
        [from-start] with the first updates and never rises again, as where actions that are rewarded are made rarer
       *[later] by { $axis } { $first } and stays there
    }
    .environment = an environment that became harder
    .test = Make a few updates with the sign of the advantage reversed: the reward should rise.

finding-reward-stays =
    .explained = The reward never rose. If the policy has changed, what it learns has nothing to do with what is rewarded: look at how rewards are matched with actions, and at the baseline. If it has not, look at its gradient and its learning rate.
    .sentence = { SIGNAL($signal) } stays at about { G($level) } to { $axis } { $last }{ $still ->
        [yes] , and { SIGNAL($entropy) } has not moved either: the policy has not changed
       *[no] { " " }although { SIGNAL($entropy) } has fallen by { PERCENT($moved) } %: what is learnt is not rewarded
    }
    .rare = a reward so rare that nothing was found yet
    .test = Reward one action in every state: its share should rise within a few updates.

finding-reward-hacking =
    .explained = The reward rises while what it stands for falls: the policy exploits an error of the reward. Watch a few episodes, and fix the reward before training further.
    .sentence = { SIGNAL($reward) } rises from { G($before) } to { G($now) } while { SIGNAL($success) } falls from { PERCENT($best) } % to { PERCENT($left) } %, from { $axis } { $first } on
    .other-measure = a measure of success that counts something else
    .test = Watch an episode of the last policy.

finding-preference-at-reference =
    .explained = The loss is exactly ln 2 at every step, as it is where the policy equals its reference: the reference is the policy itself, so that both move together. Make the reference a frozen copy.
    .sentence = the loss is ln 2 from { $axis } { $first } to { $last }{ $rewards ->
        [none] { "" }
       *[other] , and { $rewards } are zero
    }: policy and reference are the same
    .no-update = a policy that is never updated
    .test = Compare a weight of the policy with the same one of the reference after some steps: they should differ.

finding-preference-without-signal =
    .explained = On pairs that training did not see the loss never falls below ln 2, that of a coin toss: the pairs teach nothing that holds for other pairs. Read twenty pairs: chosen and rejected may be swapped in some of them.
    .sentence = { SIGNAL($signal) } is at least { G($least) } up to { $axis } { $last }; a coin toss has ln 2 = 0.6931{ $training ->
        [none] { "" }
       *[other] ; training pairs are memorised ({ G($training) })
    }
    .equal = { SIGNAL($chosen) } and { SIGNAL($rejected) } are equal from { $axis } { $first } to { $last }: chosen and rejected are the same answer
    .few-pairs = too few pairs to learn what they have in common
    .test = Read twenty pairs and say yourself which answer is better.

finding-evaluation-behind =
    .explained = The validation loss falls with the training loss, but stays far above it: no over-fitting, but two ways to run the model. Usually it is trained on true tokens (teacher forcing) and evaluated on its own output, or the evaluation prepares its data differently. Evaluate training batches with the evaluation's own code.
    .sentence = { SIGNAL("validation_loss") } still improves, by { G($gained) } in the second half of its evaluations, and is at { G($validation) } when the training loss is at { G($training) }; it was behind already at { $axis } { $first }
    .harder = a validation set that is harder, or of another kind
    .test = Evaluate training batches with the evaluation's own code: the two losses should agree.

finding-representation-collapse =
    .explained = All inputs get nearly the same representation: a trivial way to make representations agree. Negatives, a stop-gradient or a variance term is missing or too weak.
    .sentence = { SIGNAL($signal) } goes from { G($start) } to { G($level) } and stays there from { $axis } { $first } on: all representations are nearly the same
    .easy = a task that really is that easy to solve
    .test = Measure the standard deviation of each dimension over a batch of representations.

finding-contrastive-at-chance =
    .explained = The loss stays at the logarithm of the number of vectors to choose from: similarities are scaled down so far that the softmax over them is flat, or the two sides of a pair do not belong together. Look at the temperature (0.05 to 0.5 is usual), at a softmax that is applied twice, and at how pairs are made.
    .sentence = the loss stays at { G($level) } = ln { $choices } { $since ->
        [none] up to { $axis } { $last } and hardly differs from batch to batch: no vector is told from another
       *[other] from { $axis } { $since } to { $last }, after it was far below: no vector is told from another any more
    }
    .small-rate = a learning rate that is far too small
    .test = Print the logits of one batch: they should differ by more than one.

finding-auxiliary-loss =
    .explained = A part of the loss beside the main one has grown without bound, has jumped, has vanished, or counts with the wrong sign. Compare its size and its sign with what it is there for (a balance of experts, the use of a codebook, exploration), and print what it acts on.
    .sentence = { SIGNAL($signal) } was at about { G($usual) }, { $explodes ->
        [yes] explodes
       *[no] vanishes
    } from { $axis } { $first } on and is at { G($level) }
    .one = { SIGNAL($signal) } is { G($level) } from { $axis } { $first } on: { $experts ->
        [yes] one expert gets everything
       *[no] one code stands for everything
    }
    .subtracted = { SIGNAL($total) } is the sum of its logged parts with a weight of { G($weight) } for { SIGNAL($signal) }, which goes from { G($first) } to { G($last) }: training makes this part larger, not smaller
    .added = { SIGNAL($total) } is the sum of its logged parts with a weight of { G($weight) } for { SIGNAL($signal) }, which goes from { G($first) } to { G($last) }: training makes the policy less random, which an entropy bonus should prevent
    .asked = the loss rises with the entropy of the policy, with a weight of { G($weight) }, by the gradient of what the policy returned from { $axis } { $first } to { $last }: training makes the policy less random, which an entropy bonus should prevent
    .jumps = { SIGNAL($signal) } jumps from about { G($before) } to { G($after) } at { $axis } { $first } and stays there
    .weight = a deliberate change of this loss's weight
    .both-sides = Compare the weight of this part, and what it is computed from, just before that step and just after.
    .less-random = a policy that is to become less random
    .wanted = a part that is meant to be large, such as a bonus
    .sign = Compute the loss of one batch by hand from its parts, and compare the signs.
    .test = Print how the tokens are shared among the experts, or how much of the codebook is used.

finding-loss-scale =
    .explained = The loss scale only falls: no scale is small enough, so gradients are not finite for a reason other than their size. Look for a division by zero or a logarithm of zero in the loss, or use bfloat16.
    .sentence = { SIGNAL($signal) } falls from { G($highest) } to { G($level) } between { $axis } { $first } and { $last }, and never rises again
    .not-finite = an update that is not finite at any scale
    .test = Run one of these steps in float32 and look for values that are not finite.

finding-memory-growth =
    .explained = Memory grows in every part of the run: something is kept that should be released, usually losses or outputs together with their graph. Add up loss.item(), not loss.
    .sentence = { SIGNAL($signal) } grows steadily from about { G($before) } to about { G($now) } between { $axis } { $first } and { $last }
    .longer-batches = batches that are planned to grow longer
    .test = Count the live tensors at two steps a hundred apart.

finding-throughput-drop =
    .explained = The training runs at less than a third of its earlier speed. At once: a slow disk, another job on the machine, a throttled device, longer batches. Slower and slower: something that grows, such as losses kept with their graphs, or a list that is searched at each step.
    .sentence = { SIGNAL($signal) } { $rises ->
        [yes] rises
       *[no] falls
    } from about { G($usual) } to { G($level) } from { $axis } { $first } on
    .test = Measure the seconds per step with a batch that is already in memory.

# Their names, and those of their causes.
term-evaluation-behind = evaluation behind training
term-generator-stands-still = a generator that stands still
term-discriminator-wins = the discriminator wins
term-generator-wins = the generator wins
term-mode-collapse = mode collapse
term-posterior-collapse = posterior collapse
term-kl-explosion = KL explosion
term-entropy-collapse = entropy collapse
term-reward-falls = a reward that falls
term-reward-stays = a reward that stays
term-reward-hacking = reward hacking
term-preference-at-reference = loss at its reference
term-preference-without-signal = preferences without signal
term-representation-collapse = representation collapse
term-contrastive-at-chance = a contrastive loss at chance
term-auxiliary-loss = auxiliary loss
term-loss-scale = loss scale
term-memory-growth = memory growth
term-throughput-drop = throughput drop
term-discriminator-frozen = the discriminator is not trained
term-no-gradient = no gradient reaches the weights
term-bootstrap-target = wrong targets of the values
term-reward-sign = a wrong sign of the reward or advantage
term-reference-is-policy = the reference is the policy itself
term-wrong-targets = wrong targets
term-double-softmax = logits squashed: a softmax twice, or a temperature
term-unbalanced-experts = experts out of balance
term-numerics-in-loss = a formula whose value or derivative is not finite

evidence-gained = gained
evidence-planned = planned
evidence-discriminator_loss = discriminator loss
evidence-generator_loss = generator loss
evidence-drift_apart = drift apart
evidence-samples_stand_still = samples stand still
evidence-scatter = scatter
evidence-kl = KL divergence
evidence-highest = highest
evidence-reconstruction = reconstruction
evidence-each = updates between one and the next
evidence-reconstruction_is_flat = reconstruction is flat
evidence-reward_rises = reward rises
evidence-reward_before = reward before
evidence-reward = reward
evidence-entropy_fell = entropy fell
evidence-rewards_move = rewards move
evidence-inverted = inverted
evidence-choices = choices

finding-early-standstill =
    .explained = The model learnt how often each token occurs, and then nothing more: with updates as large as these its weights never settle. Divide the learning rate by ten and warm it up.
    .sentence = the validation loss stays at { G($level) } from { $axis } { $first } to { $last }, down from { G($start) } at the start and no further, at a learning rate of { G($rate) }
    .unigram = a model that cannot see its inputs and learns frequencies alone
    .test = Train a few hundred steps with a tenth of the learning rate: the loss should go on falling.

finding-ranks-alike =
    .explained = The losses or the inputs of all ranks are the same to the last digit: they read the same batches, so that several devices do the work of one. Give the loader a sampler that knows its rank.
    .sentence = { SIGNAL($signal) } and similar signals are equal to the last digit on { $ranks } ranks from { $axis } { $first } to { $last }
    .inputs = at each of { $steps } steps that were compared, from { $axis } { $first } to { $last }, all { $ranks } ranks are given the same inputs to the bit, though their gradients are averaged
    .drawn = at each of { $steps } steps that were compared, from { $axis } { $first } to { $last }, all { $ranks } ranks are given the same inputs to the bit, though their gradients are averaged; and they draw the same random numbers ({ $names }), as if one seed drew the rows of all of them
    .logs = the logs of { $ranks } ranks have the same loss to the last digit from { $axis } { $first } to { $last }: either it was averaged over the ranks before it was logged, or all read the same data
    .meant = losses that were averaged over the ranks before they were logged
    .chance = ranks that are meant to draw different random numbers for the same rows
    .test = Print the first tokens of a batch on each rank.

finding-ranks-drawing-alike =
    .explained = All ranks of a data-parallel training draw the same random numbers, so dropout, noise or augmentation does the same to the rows of each of them, and averaging over the ranks takes less of it away. Many trainings seed all ranks alike and are sound. For other numbers on each, add the rank to the seed once the model is built.
    .model = all { $ranks } ranks draw the same random numbers: at each of { $steps } steps that were compared, from { $axis } { $first } to { $last }, the model draws from { $names } in the same state, so its dropout or noise is the same on all of them
    .loop = all { $ranks } ranks draw the same random numbers: at each of { $steps } steps that were compared, from { $axis } { $first } to { $last }, the loop draws from { $names } in the same state before it calls the model, so an augmentation there is the same on all of them
    .meant = a seed that all ranks share on purpose
    .layers = choices that must be the same on all ranks, such as which layers are skipped
    .parts = a batch that each rank draws whole and takes its part of
    .test = Print torch.rand(1) on each rank after the same step.

finding-both-sides-win =
    .explained = The generator's loss says that the discriminator takes everything for real, and the discriminator's loss says that it does not. Both cannot be: one of the two losses has the labels of the other. Check which label generated samples get in each.
    .sentence = { SIGNAL($generator) } comes to { G($level) } from { $axis } { $first } on while { SIGNAL($discriminator) } is at { G($others) }, below the { G($others_start) } that it began at: they contradict each other
    .smoothing = a discriminator that is hardly trained on generated samples
    .test = Print the discriminator's mean output on real and on generated samples.

finding-policy-ratio-one =
    .explained = The policy's probabilities never differ from those before the update, so the ratio is always one and its clipping does nothing. The old log-probabilities are recomputed with the current policy, instead of being kept from when the actions were drawn.
    .sentence = { SIGNAL($signal) } is exactly zero at all { $points } points up to { $axis } { $last }, and no ratio is ever clipped, while the policy changes
    .one-pass = a single pass over each batch, where the ratio is rightly one
    .test = Print the mean ratio in the last pass over a batch: it should differ from one.

finding-reference-differs =
    .explained = Before its first update a policy equals its reference, so all rewards are zero and the loss is ln 2. Here they are far from that: the reference is another model (weights that were not loaded, another checkpoint, another template). Compare the log-probabilities of both on one batch before the first step.
    .sentence = at { $axis } { $first } { SIGNAL($signal) } is { G($reward) } already and the loss { G($loss) }, where policy and reference should be equal (0 and ln 2)
    .later = a log that begins long after the first update
    .test = Print the log-probabilities of policy and reference on one batch before the first update.

term-early-standstill = an early standstill
term-ranks-alike = ranks that read the same data
term-ranks-drawing-alike = ranks that draw the same random numbers
term-both-sides-win = both sides win
term-policy-ratio-one = a ratio that is always one
term-reference-differs = a different reference
term-rank-disagreement = ranks that disagree
term-stale-probabilities = old probabilities that are recomputed
term-reference-mismatch = a reference that is another model
term-class-imbalance = one class far more frequent than the others
