"""Runs of the small tasks of other kinds in plain loops."""

from benchmarks.strangers.cases import faults, generative, opponents, schedules, small, tuning
from benchmarks.strangers.cases.loop import Plan
from benchmarks.strangers.cases.registry import Group

regression = Group("plain", "regression", small.regression)
reversal = Group("plain", "sequence to sequence", small.reversal)
contrastive = Group("plain", "contrastive", small.contrastive)
distillation = Group("plain", "distillation", small.distillation)
low_rank = Group("plain", "low-rank fine-tuning", tuning.low_rank)
preference = Group("plain", "preference (DPO)", tuning.preference)
vae = Group("plain", "VAE", generative.vae)
diffusion = Group("plain", "diffusion", generative.diffusion)
gan = Group("plain", "GAN", opponents.gan)
policy = Group("plain", "policy gradient", opponents.policy)
other = Group("plain", "toy problem", small.parity)

# Healthy.
regression.healthy("regression-standard", "nothing", recorded=True)
regression.healthy("regression-units", "the target is in thousands: a loss of a million", unit=1000.0, plan=Plan(
    steps=400, rate=3e-2, clip=None), style="keras")  # fmt: skip
regression.healthy(
    "regression-gauss",
    "a likelihood of densities: the loss falls below zero",
    loss="gauss",
    style="jsonl",
    recorded=True,
)
regression.healthy("regression-heavy", "one in 50 targets is far off by nature: single batches are high", loss="huber",
                   heavy=True, plan=Plan(steps=400, log_every=1))  # fmt: skip
regression.healthy("regression-tiny-batch", "batches of two", batch=2, plan=Plan(steps=600, rate=1e-3, log_every=1))
reversal.healthy("reversal-standard", "nothing", plan=Plan(steps=350), recorded=True)
reversal.healthy(
    "reversal-scheduled",
    "by plan the decoder gets its own signs more and more: the loss rises",
    plan=Plan(steps=350),
    forced=lambda step: max(0.0, 1 - max(0, step - 100) / 250),
    style="csv",
)
contrastive.healthy("contrastive-standard", "the loss starts at ln 48 and stays far above zero", recorded=True,
                    plan=Plan(steps=300))  # fmt: skip
contrastive.healthy(
    "contrastive-tutorial", "a rough loss", style="tutorial", batch=16, plan=Plan(steps=300, log_every=2)
)
distillation.healthy("distillation-standard", "a divergence that becomes very small", plan=Plan(steps=300))
low_rank.healthy("low-rank-standard", "a fine-tuning: the loss hardly falls", plan=Plan(steps=200, rate=3e-3),
                 recorded=True)  # fmt: skip
preference.healthy(
    "preference-standard", "the loss starts at ln 2 and falls to nearly zero", plan=Plan(steps=200, rate=1e-3)
)
preference.healthy("preference-noisy", "a quarter of the pairs is swapped by nature", plan=Plan(steps=200, rate=5e-4),
                   swapped=0.25, style="jsonl", recorded=True)  # fmt: skip
vae.healthy("vae-standard", "the loss is a sum of pixels, nats", recorded=True)
vae.healthy("vae-annealing", "the weight of the divergence rises by plan: the loss hardly falls",
            weight=lambda step: min(1.0, step / 300), style="jsonl")  # fmt: skip
vae.healthy("vae-free-bits", "a floor under the divergence", floor=6.0, style="logging")
vae.healthy("vae-cyclic", "the weight of the divergence rises and falls in cycles, by plan", plan=Plan(steps=480),
            weight=lambda step: min(1.0, 2 * (step % 120) / 120), style="csv")  # fmt: skip
diffusion.healthy("diffusion-standard", "a rough loss that soon looks flat", recorded=True)
diffusion.healthy("diffusion-averaged", "averaged weights are evaluated", plan=Plan(steps=500, ema=0.98, eval_every=25))
diffusion.healthy("diffusion-tiny-batch", "batches of eight: very rough", batch=8, plan=Plan(steps=600, log_every=1),
                  style="csv")  # fmt: skip
gan.healthy("gan-standard", "both losses swing", updates=600, rate=5e-4)
gan.healthy("gan-wasserstein", "losses below zero", wasserstein=True, critic_steps=3, rate=5e-4, style="jsonl")
gan.healthy("gan-slow", "a small rate: losses stay near ln 2", rate=2e-4, critic_rate=5e-4, style="logging")
policy.healthy("policy-standard", "reward rises, the loss tells nothing")
policy.healthy("policy-moving-goal", "the goal moves by plan at update 120: the reward falls and rises again",
               goal=lambda update: 8 if update < 120 else 1, entropy=0.08, updates=350, style="csv")  # fmt: skip
policy.healthy("policy-few-episodes", "two episodes an update: very rough", episodes=2, style="csv", updates=350)
policy.healthy("policy-far", "a long corridor", length=21, goal=lambda update: 20, updates=300,
               episodes=8)  # fmt: skip
other.healthy(
    "parity-plateau",
    "a long plateau at ln 2, then a sudden fall",
    plan=Plan(steps=900, rate=3e-3, log_every=5),
)
Group("plain", "toy problem", small.noise_floor).healthy(
    "noise-floor", "labels are nearly random: the loss reaches its floor at once", plan=Plan(steps=300, rate=1e-3)
)

# Faults.
regression.faulty(
    "regression-leak", "the target leaks into the inputs", "the target stands among the inputs", leaks=True
)
regression.faulty("regression-sqrt-zero", "NaN from sqrt(0)", "a distance of zero has no slope: NaN", loss="distance",
                  style="logging", plan=Plan(steps=300, log_every=1), recorded=True)  # fmt: skip
regression.faulty(
    "regression-broadcast",
    "loss broadcast",
    "a column minus a row: all pairs are compared",
    recorded=True,
    loss="broadcast",
    style="tutorial",
)
regression.faulty(
    "regression-offset",
    "inputs scaled away",
    "inputs are shifted by 1,000, by a wrong mean",
    offset=1000.0,
    style="keras",
    plan=Plan(steps=400, eval_every=50),
)
regression.faulty("regression-rate-spike", "rate multiplied briefly", "the rate is 300 times as high for three steps",
                  (200, 202), hooks=(faults.RateTimes(200, 3, 300.0),), style="jsonl")  # fmt: skip
regression.faulty(
    "regression-moments-lost",
    "moments lost at a resume",
    "resumed at step 250 without the moments of Adam",
    (250, None),
    batch=256,
    plan=Plan(rate=2e-2, resume=250, restored="no moments", log_every=1, clip=None),
)
regression.faulty("regression-resume-rate", "resumed with the wrong step", "resumed with the schedule at its start",
                  (280, None), style="logging", plan=Plan(rate=2e-2, schedule=schedules.linear(400), resume=280,
                  restored="no schedule"))  # fmt: skip
reversal.faulty("reversal-free", "teacher forcing mismatch", "trained on true signs, evaluated on its own", free=True,
                plan=Plan(steps=250, rate=2e-3))  # fmt: skip
reversal.faulty(
    "reversal-free-long",
    "teacher forcing mismatch",
    "trained on true signs, evaluated on its own",
    free=True,
    length=14,
    plan=Plan(steps=300),
    style="csv",
    recorded=True,
)
reversal.faulty(
    "reversal-permuted",
    "targets permuted from a step on",
    "targets of other rows from step 220 on",
    (220, None),
    plan=Plan(steps=400),
    hooks=(faults.Permuted(lambda step: step >= 220),),
    style="tutorial",
)
contrastive.faulty("contrastive-hot", "temperature far too high", "the temperature is 50: the loss stays at ln 48",
                   temperature=50.0, plan=Plan(steps=300), recorded=True)  # fmt: skip
contrastive.faulty(
    "contrastive-same-view",
    "contrastive views identical",
    "both views are one picture: nothing to learn",
    same_view=True,
    temperature=0.05,
    plan=Plan(steps=300),
    style="csv",
)
contrastive.faulty("contrastive-collapse", "representation collapse", "no negatives: all vectors become one",
                   negatives=False, plan=Plan(steps=300), style="jsonl", recorded=True)  # fmt: skip
distillation.faulty("distillation-untaught", "teacher untrained", "the teacher has random weights", taught=0,
                    plan=Plan(steps=300), recorded=True)  # fmt: skip
low_rank.faulty("low-rank-zero", "initialisation at zero", "both low-rank factors start at zero: no gradient ever",
                zero_both=True, plan=Plan(steps=200, rate=3e-3), recorded=True)  # fmt: skip
low_rank.faulty("low-rank-scale", "adapter scale far too large", "the low-rank part is scaled by 600", scale=600.0,
                plan=Plan(steps=200, rate=3e-3, log_every=2))  # fmt: skip
preference.faulty("preference-same-reference", "reference model is the policy", "the reference is the policy itself",
                  reference_moves=True, plan=Plan(steps=200, rate=1e-3))  # fmt: skip
preference.faulty("preference-swapped", "preference pairs mixed up", "half of the pairs are exchanged", swapped=0.5,
                  plan=Plan(steps=250, rate=1e-3), style="jsonl", recorded=True)  # fmt: skip
vae.faulty("vae-collapse", "KL collapse", "the divergence weighs 25: the code says nothing", weight=lambda step: 25.0,
           recorded=True)  # fmt: skip
vae.faulty("vae-collapse-later", "KL collapse", "the weight of the divergence rises without end", (100, None),
           weight=lambda step: step / 10, style="jsonl")  # fmt: skip
vae.faulty(
    "vae-ascent",
    "loss with the wrong sign",
    "the loss is made larger",
    hooks=(faults.Ascent(),),
    style="logging",
    plan=Plan(steps=200, rate=1e-3),
)
vae.faulty("vae-decoder-missing", "parameters missing in the optimizer", "the optimizer knows the encoder alone",
           hooks=(faults.Missing("decoder"),), style="csv", recorded=True)  # fmt: skip
diffusion.faulty("diffusion-drawn-twice", "noise drawn twice", "the noise to be told is not the one that was added",
                 drawn_twice=True, recorded=True)  # fmt: skip
diffusion.faulty(
    "diffusion-no-level",
    "noise level not given",
    "the network is not told the level of noise",
    knows_level=False,
    style="csv",
    visible="no",
    why="a loss a little higher than it could be",
)
diffusion.faulty("diffusion-scale", "inputs scaled away", "points are 200 times too far apart: the noise is invisible",
                 scale=200.0, style="logging")  # fmt: skip
diffusion.faulty("diffusion-average-stuck", "averaged weights never updated", "averaged weights are never updated",
                 plan=Plan(steps=400, ema=0.98, ema_moves=False, eval_every=25))  # fmt: skip
gan.faulty("gan-critic-wins", "discriminator wins", "the discriminator learns far faster", critic_rate=1e-2, rate=2e-5,
           critic_steps=4, width=128)  # fmt: skip
gan.faulty(
    "gan-critic-wins-2",
    "discriminator wins",
    "ten steps of the discriminator for one",
    critic_steps=10,
    rate=1e-4,
    critic_rate=5e-3,
    style="jsonl",
    updates=300,
)
gan.faulty("gan-detached", "gradient cut off", "the generator's loss is cut off from the generator: it never learns",
           detached=True, style="logging")  # fmt: skip
gan.faulty("gan-critic-stops", "discriminator stops learning", "the discriminator is not trained from step 250 on",
           (250, None), critic_stops=250, style="csv", updates=600)  # fmt: skip
policy.faulty("policy-hack", "reward hacking", "the reward pays for standing at the wall", bug=True, updates=300)
policy.faulty(
    "policy-hack-2",
    "reward hacking",
    "the reward pays for standing at the wall",
    (200, None),
    bug=True,
    updates=300,
    episodes=64,
    entropy=0.03,
    style="csv",
    length=13,
    goal=lambda update: 12,
)
policy.faulty("policy-certain", "entropy collapse", "entropy is punished: too certain to follow a moving goal",
              style="csv", entropy=-0.6, rate=3e-2, goal=lambda update: 8 if update < 80 else 1)  # fmt: skip
policy.faulty(
    "policy-certain-2",
    "entropy collapse",
    "the rate is so high that the policy is certain at once: it cannot follow a goal that moves",
    rate=1.0,
    entropy=0.0,
    length=15,
    goal=lambda update: 14 if update < 60 else 0,
)
policy.faulty("policy-sign", "advantage with the wrong sign", "what pays is made rarer", sign=-1.0, style="logging")
policy.faulty("policy-entropy-rules", "entropy bonus far too large", "the bonus for entropy outweighs the reward",
              entropy=20.0, updates=300)  # fmt: skip
