# What English messages said in an earlier newllm. A file that was written then holds these sentences beside their data;
# by them `read_message` sees that both say the same, so that the sentence comes in today's words and in every language.

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
