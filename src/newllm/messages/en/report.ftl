# What a report says: headings, charts, tables.

# What somebody else wrote, and stays as it is.
quoted = { $text }

## a page
report = training report
report-by = Made by newllm report. This file loads nothing from anywhere; it can be kept and sent as it is.
sections = Sections
runs = { $count } runs
more_runs = { $count } more runs are compared above and not shown in full.
table = Numbers
sentence-gap = { " " }
list = ,{ " " }
list-last = { " " }and{ " " }
span = { $first } to { $last }
at = { $axis } { $span }
first = first
last = last
lowest = lowest
highest = highest
highest_at = highest at { $axis }
problems = Not everything of this run could be read. What follows is what is known.
problems-more = and { $count } more
section-failed = This part could not be shown: a file of the run holds what newllm does not understand ({ $error }).

## numbers and evidence
list-more = { $listed } and { COUNT($more) } more
infinite = infinite
minus_infinite = -infinite
value-unknown = unknown
value-yes = yes
value-no = no
value-recovered = recovered
value-new-plateau = new plateau
value-diverged = diverged
duration-seconds = { $seconds } s
duration-minutes = { $minutes } min { $seconds } s

## sections
verdict = Verdict
curves = Training
more-curves = More curves
findings = Findings
check = Check before training
findings-too_long = This run is too long to be diagnosed while its page loads: press Doctor.
replay = Replays
classes = By token class
context = The context
layers = Layers
others = Other signals
data = Data
samples = What the model writes
samples-step = step { $step }
samples-earlier = { $count } earlier ones
samples-empty = (nothing: the model ended the text at once)
samples-about = written at each evaluation, every time with the same random numbers (seed { $seed }); all of them are in samples.jsonl
samples-about_recorded = recorded by the training; all of them are in samples.jsonl
configuration = How to run it again
comparison = Comparison
study = Study

## the head
state-finished = finished
state-running = running
state-interrupted = interrupted
state-diverged = diverged
state-failed = failed
state-silent = says it is running, but has been silent since { $when }
state-log = log
state-checked = checked, not trained yet
state-recorded = recorded run
state-unknown = run in an unknown state
head-model = Model
head-parameters = Parameters
head-steps = Steps
head-tokens = Tokens seen
head-best = Best validation loss
head-best_at = { $loss } at step { $step }
head-bits = Best bits per byte
head-pace = Tokens per second
head-seed = Seed
head-machine = Device

## what a chart shows, for who cannot see it
chart-marked = Marked: { $marks }.
line-shows = { $label }: from { $first } to { $last }, lowest { $low } at { $axis } { $at_low }, highest { $high } at { $axis } { $at_high }.
line-nothing = { $label }: not one finite value.
line-not_finite = { $count } values are not finite.
heat-shows = { $title }: a map of { $rows } rows by { $columns } columns of the { $axis }.
mark-from = { $label } →

## axes, units
axis-step = step
axis-epoch = epoch
axis-position = position
unit-loss = nats per token
unit-gradient = { "" }
unit-learning-rate = { "" }
unit-bits-per-byte = bits per byte
unit-accuracy = { "" }
unit-perplexity = { "" }
unit-pace = seconds

## charts
chart-loss = Loss
about-found = Shaded: what the doctor found. An arrow: a finding that begins there and lasts to the end.
about-planned = A flag: a change that was planned.
chart-gradient = Gradient norm
about-gradient = Before clipping, and as the optimizer reads it.
chart-learning-rate = Learning rate
about-learning-rate = { "" }
chart-bits-per-byte = Validation, bits per byte
about-bits-per-byte = Comparable between tokenizers.
chart-accuracy = Accuracy
about-accuracy = { "" }
chart-perplexity = Perplexity
about-perplexity = { "" }
chart-pace = Time per step
about-pace = { "" }
chart-by-class = Loss by class of the token to predict
about-by-class = If one class alone rises, look at the data, or at how confident the model is about that class, not at the model as a whole.
dashed-by-class = Dashed: the training loss of the same class, on the batches of the sampled steps.
chart-context-by-position = Norm of the context by position
about-context-by-position = Each row is a position in the text; colours are logarithmic. Brighter to the right: the context grows as training goes on; brighter upwards: it grows along the text.
chart-context-along = Norm along the text
about-context-along = At evaluations from the first to the last, both axes logarithmic. Straight: the context grows by addition alone; bending upwards: it grows by a factor with every token; level: it is bounded.
chart-context-norm = Norm of the context
about-context-norm = Mean over the batch, at the end of each sequence.
chart-context-spread = Mean and standard deviation of the context
about-context-spread = Over all channels of the batch's contexts, at the end of each sequence.
chart-context-growth = Growth per position
about-context-growth = The factor by which the context, or its change, grows from one token to the next. If it stays above the dashed 1, the context grows without bound; at 1 it grows by addition alone.
chart-lyapunov = Lyapunov exponent
about-lyapunov = Above the dashed 0, two contexts that differ slightly drift apart exponentially.
layer-update_ratio = Update-to-weight ratio
layer-activation_rms = Activation RMS
layer-second_moment_mismatch = Second moment mismatch
layer-gradient_norm = Gradient norm
layer-read_error = Read error of the matrices
layer-context_rank = Effective rank of the matrices
position = after { $number }

## findings
severity-fault = fault
severity-warning = warning
severity-note = note
findings-none = none
notes-count = Worth knowing ({ $count })
further_findings = { $count ->
    [one] { COUNT($count) } more finding
   *[other] { COUNT($count) } more findings
}: { $names }
more_findings = { $count } more are in newllm doctor --json.
tested = right in { COUNT($right) } of { COUNT($said) } blind tests
hardly_tested = few blind tests: right in { $right } of { $said }
untested = no blind test yet
percent = { $percent } %
evidence = Causes, and how to tell them apart
consequences = What follows from it ({ $count })
sound-count = Checked and sound ({ $count })
unseen-count = Could not be checked ({ $count })
doubtful-one = { $subject }: no alarm, but it has hardly fallen, or ends above its lowest value
ledger = The state between updates, steps { $first } to { $last }: { $changes ->
    [0] nothing but the optimizer changed the weights or their moments
    [one] something other than the optimizer changed it once, before step { $step }
   *[other] something other than the optimizer changed it { $changes } times, first before step { $step }
}{ $all ->
    [yes] {""}
   *[other] {" "}(watched in turn, { $percent } % of it at each update)
}.
alternatives = What else it could be
would_tell = How to tell
causes = Likely cause
causes-heading = Causes
cause-speaks = for
cause-replayed = replays
cause-other_by_replays = replays show another cause: { $name }
cause-shown_of = Its cause, shown by replays: { $name }
cause-shown_by_replays = { $evidence ->
    [none] they show that this is the cause
   *[other] they show that this is the cause: { $evidence }
}
cause-against = against
cause-none_named = Unknown: nothing in this run singles one out. Still possible:

## the verdict
verdict-what = What happened
verdict-helps = What helps
verdict-cause = Why
verdict-shown = What shows it
verdict-next = What to do
verdict-null = Can it be trusted
verdict-recorded = Is it what was recorded

## the doctor's verdict
doctor-fault = Something is wrong: { $tally }.
doctor-warning = Something is doubtful: { $tally }.
doctor-ends_above = At its end the { $signal } is { $last }; its lowest was { $lowest }, at { $axis } { $step }.
doctor-replay = These are suspicions. What removes the spike can be tested:
doctor-rerun = What running its program again shows
doctor-bisect = Which of these changes is the cause:
doctor-bisected = What newllm bisect found

## token classes
classes-why = The gap between training and validation says nothing until it is split by class: a word that never occurred in training cannot be predicted, the end of a text often can.
validation_of = validation, { $target }
training_of = training, { $target }
class = class
targets = targets
share = share

## layers
layers-how = Input at the top, output at the bottom, training from left to right; colours are logarithmic. Look for the row that changes first.
about-gradient_norm = Darker towards the input: gradients vanish on the way down. All rows at once: a bad batch, or an update that was too large.
about-update_ratio = How far one update moves the weights, relative to their size. Around a thousandth is usual.
about-activation_rms = Root mean square of each layer's output. If it keeps growing with depth or during training, training becomes unstable.
about-second_moment_mismatch = Root mean square of g / sqrt(v). Around 1, gradients are as large as the optimizer expects; far above 1, they are larger, and its updates are too large for them.
about-read_error = Before a position writes into a matrix: how far what stands under its key is from its value. 0: it was known, 1: nothing was found, above 1: something else was.
about-context_rank = How many directions the matrices hold at the end of a sequence; at most their width.
more_layers = { $count } more layers were recorded and are not drawn.

## the context
context-how = The context is what this model remembers of a text, beside the last few inputs of its convolutions where it has some. Its size after each number of tokens shows whether it stays bounded.
context-how_recorded = The context is here what a recurrent layer hands on from token to token: its hidden state. Its size shows whether it stays bounded.

## other signals
more_signals = { $count } more signals are in the log: { $names }.

## replays
null-same = The unmodified replay is identical to the run to the bit
null-within = The unmodified replay equals the run within { $tolerance }
null-steps = over { $count } steps, { $weights }: replays can be trusted.
null-weights = weights too
null-losses = losses alone (no later weights were kept)
null-differs = The unmodified replay differs from the run, so no replay proves anything:
null-unknown = The unmodified replay had nothing to be compared with.
replay-gist = changes confirmed: { $confirmed }, screened: { $screened }
replay-spike = Spike at step { $step }
replay-mark = spike of the run
replay-how = Thick: the median over replays; shaded: from the lowest to the highest. Grey: null replays, in which nothing but the seed is changed, from the same step.
replay-nulls = With another seed and nothing else changed, { $spiked } of { $n } replays spike.
replay-null = null replays ({ $count } replays)
replay-changed = { $name } ({ $count } replays)
replay-loss = { $name }, from step { $step }: training loss
replay-probe = { $name }, from step { $step }: loss on the probe batch
replay-unfinished = The replays in { $name } have no verdict yet; { $count } are done.
replay-confirmed = Confirmed on fresh seeds
replay-screened = Screened only ({ $count }): nothing is claimed from these
replay-legend = Effect: share of the spike's severity that is gone, with its 95 % confidence interval (drawn: the left line is none of it, the right line all of it). 100 % is a spike that is gone, and more is not possible: an interval passes 100 % because it is symmetrical, and it is the wider the more the spikes of the null replays differ in severity. p: one-sided exact sign-flip test, corrected for multiple comparisons by Holm. Spiked: replays with a spike, of how many. Later: steps from the replay's start to the spike, divided by those of the null replays. Cost: by how many nats the probe loss is higher than theirs after equally many steps.
replay-head-change = change
replay-head-class = what it does
replay-head-effect = effect [95 %]
replay-head-p = p
replay-head-spiked = spiked
replay-head-later = later
replay-head-cost = cost
replay-head-from = from step
replay-curves = The confirmed changes beside the null replays
replay-details = What exactly was changed, which signal it moved, what it costs to adopt
replay-cause = Cause:
replay-suspects = What speaks for which cause
replay-missing = Missing for a cause
replay-not_tried = Not tried, and why
replay-took = The replays took { $time }.
outcome-removes = removes it
outcome-reduces = reduces it
outcome-delays = delays it
outcome-undecided = undecided
outcome-no-effect = no effect
outcome-worsens = worsens it
outcome-stops-learning = stops learning

## data
data-text = text
data-bytes = bytes
data-more = and { $count } more texts
data-counts = Tokens and split
data-tokenizer = tokenizer
data-vocabulary = vocabulary
data-format = format
data-fraction = held out
data-blocks = held-out blocks
data-fingerprint = fingerprint
data-audits = Audit
data-sound = The audits found nothing wrong in the data.
data-facts = Everything that was counted

## configuration
config-commands = Commands
config-replays = To go on with its replays, in Python, with the newllm.Loop of this training
config-recoveries = What a guard changed on the way
config-at = step { $step }
config-detected = detected at
config-remedy = remedy
config-did = what was done
config-environment = Environment
config-recording = Recorded by newllm.record
config-settings = Settings
