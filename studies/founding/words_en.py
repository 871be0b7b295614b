"""The English words of the founding study's page.

Results come from results.json; what stands here are facts of the document and of the packaged sentences. The
Japanese page has the same keys in `words_ja.py`; a test compares them and their placeholders.
"""

from .arms import ARMS
from .claims import CLAIMS
from .printed_words_en import CANDIDATES, MEASURES, PRINTED, REASONS_NOT_COMPARED, REPRODUCED

__all__ = ["CANDIDATES", "MEASURES", "PRINTED", "REASONS_NOT_COMPARED", "REPRODUCED"]

COLON, STOP, SEMICOLON = ": ", ". ", "; "  # between parts of a line
BRACKETED = "{text} ({more})"

VERDICTS = {
    "holds": "holds",
    "holds in part": "holds in part",
    "does not hold": "does not hold",
    "undecided": "cannot be decided with this data",
}

EFFECTS = {
    "removes": "removes the spike",
    "removes on the probe": "removes it on the training sentences only",
    "too slow": "never gets as far",
    "delays": "only delays it",
    "hastens": "hastens it",
    "keeps": "changes little",
    "unclear": "unclear",
    "plants": "brings one about",
    "calm": "no spike to remove",
}

CLAIM_TEXTS = {claim.id: claim.text for claim in CLAIMS}
CLAIM_MEASURES = {claim.id: claim.measure for claim in CLAIMS}
ARM_CLAIMS = {arm.name: arm.claim for arm in ARMS}

# Labels of the numbers that decide a claim, and of those beside them.
NUMBERS = {
    "seeds": "seeds",
    "needed": "seeds that can decide, at the least",
    "not_run": "arms that were not run",
    "runs_that_spike": "runs that spike",
    "share_in_window": "share of runs whose first spike opens at epochs 17 to 22",
    "share_spiking": "share of runs that spike",
    "onsets": "onset by run and seed",
    "jump": "largest rise within one epoch, times",
    "largest": "the largest of all, times",
    "share_healed": "share of spikes healed within 5 epochs",
    "share_healed_on_the_probe": "the same on the probe",
    "difference": "paired difference",
    "p_by_set": "p with whole data sets flipped together",
    "context_norm_at_onset": "median context norm at the onset",
    "share_beyond_the_clip": "share of runs whose gradient passes 1.0",
    "median_highest": "median of the largest gradient norm",
    "growth_baseline": "growth of the update ratio, baseline, times",
    "growth_zero_context": "growth of the update ratio without a context, times",
    "correlation_with_context": "rank correlation of update ratio and context norm",
    "share_of_unknown_words": "share that unknown words carry",
    "gap_without_unknown_words": "gap where validation has no unknown words, nats",
    "gap": "gap, nats",
    "end": "share that ends of sentences carry",
    "seen": "share that known words carry",
    "fall": "fall of the probe loss after the best validation epoch, nats",
    "best_epoch": "median best epoch",
    "share_of_ends": "share of correct predictions that are the end of the sentence",
    "correct": "usual number of correct predictions",
    "of": "of so many",
    "share_of_epochs": "share of epochs with exactly this number",
    "share_calm": "share of runs without a probe spike",
    "share_best_late": "share of runs whose best epoch is 45 or later",
    "share_validation_spiking": "share of runs whose validation loss spikes",
    "share_remedied": "share of runs remedied, by arm",
    "baseline_calm": "share of baseline runs without a spike",
    "share_remedied_by_residual": "share of runs remedied by a residual FNN (norms inside it, none on the context)",
    "share_remedied_in_all": "share of runs remedied, mean over the six",
    "share_calm_and_late": "share of runs with neither a probe spike nor an early best",
    "share_spiking_without_context": "share of runs without a context that spike",
    "share_spiking_baseline": "share of baseline runs that spike",
    "unknown_words_in_validation": "share of the validation targets that are unknown words",
    "error": "this claim's arithmetic failed",
}

WORDS = {
    "title": "The founding study",
    "study_title": "The founding experiments again, and a test of the document's fourteen claims.",
    "lead": (
        "The founding document reports that its language model without attention, whose memory is one context "
        "vector updated by `context = context + delta`, spikes in training at epochs 17 to 22, and explains why. "
        "It never tested the explanation. Here its five runs are run again, and each of its fourteen claims is "
        "tested by experiment, with seeds, controls and intervals. Every result on this page is written by "
        "`newllm study founding` from [results.json](results.json)."
    ),
    "size": (
        "{seeds} seeds, each on one of {sets} data sets ({names}); {arms} arms, {cells} "
        "runs, {hours:.1f} core hours, on {cpu} with torch {torch}, one thread a run."
    ),
    "short": "In short",
    "short_verdicts": (
        "The fourteen claims: {holds} that hold, {part} that hold in part, {fails} that do not hold, {undecided} that "
        "cannot be decided with this data."
    ),
    "short_removes": "**Removed** at equal progress, on training sentences and validation alike, by: {arms}.",
    "short_probe": "Removed on the training sentences **only**, while the validation loss still spikes, by: {arms}.",
    "short_lead": "What the arms do to the spike is exploratory: no correction for their number.",
    "short_delays": "Only **delayed** by: {arms}.",
    "short_keeps": "**About as it is** with: {arms}.",
    "short_hastens": "**Earlier** with: {arms}.",
    "short_plants": "**Brought about**, where the control has none, by: {arms}.",
    "short_unclear": "Unclear, one way or the other, with: {arms}.",
    "short_slow": "Never as far as their control within their epochs: {arms}.",
    "short_higher": "Where it stays, it is **higher** with {higher}, and **lower** with {lower}.",
    "nobody": "no arm",
    "runs": "The document's runs, again",
    "runs_lead": (
        "A spike opens where the loss rises by more than 0.3 nats above its best within five epochs, and is healed "
        "when it is back within that limit. The *probe* is one fixed batch of training sentences, read in evaluation "
        "mode. Medians over seeds with 95 % intervals that resample data sets and seeds; shares with Wilson's "
        "intervals. A run that never spikes is censored at its end. Experiment 3 is "
        "experiment 2 trained for longer: its first 50 epochs are the same."
    ),
    "runs_header": (
        "run|spikes|onset, epoch|height, nats|heals in epochs (runs that do)"
        "|spikes on the probe|best validation|at epoch"
    ),
    "runs_figure": "Validation and probe loss of the document's runs by epoch",
    "beside": "Beside the document's figures",
    "beside_header": "run|best validation, document|ours|best epoch, document|ours|onset, document|ours",
    "mechanism": "What happens before the spike",
    "mechanism_lead": (
        "Before the first spike of the probe (mean of ten to three epochs before its onset) and at its onset; of a run "
        "without one, at its last epoch. The Lyapunov exponent is the rate, in nats per position, at which a small "
        "disturbance of the context grows: above 0 the recurrence magnifies it. The update ratio is the size of an "
        "update by the size of the weights, median over layers; activations are those of the layer that grows "
        "most in the "
        "ten epochs up to the onset; the highest gradient is that of the spike itself. Medians with 95 % intervals."
    ),
    "mechanism_header": (
        "run|context norm, before|at onset|Lyapunov exponent at onset|gradient norm, before|highest"
        "|update ratio, before|at onset|activations grow, times"
    ),
    "claims": "The fourteen claims",
    "claims_lead": (
        "The measure of each claim stood before the first run of the study; docs/LOG.md tells what a review made "
        "clearer "
        "while it ran, and that pilot runs had been seen. Where a claim is a comparison, a paired sign-flip test "
        "decides "
        "(exact up to 16 seeds), and p is adjusted over all such claims (Holm). *Holds in part* may also mean that an "
        "interval lies across its bound. All else on this page is exploratory."
    ),
    "claims_header": "|claim|verdict",
    "measure": "Measure",
    "arms_of_claim": "Arms",
    "p": "p {p:.2g}, adjusted over the claims {adjusted:.2g}",
    "arithmetic": "What the document's own figures say",
    "arithmetic_perplexity_wrong": (
        "It lists a perplexity of {listed:,} for {run}, epoch {epoch}; the loss that it prints there gives "
        "{computed:,.0f}. "
        "{listed:,} belongs to {other}, epoch {other_epoch}."
    ),
    "arithmetic_perplexity_right": "{run}, epoch {epoch}: perplexity {listed:,} agrees with the printed loss.",
    "arithmetic_ratio": (
        '"2 to 9 times within one epoch": the largest rise of a loss that it prints is {ratio:.2f} times ({run}, epoch '
        "{epoch}). Of perplexities, which are exponentials of losses, any factor can be had."
    ),
    "arithmetic_window": '"All at epochs 17 to 22": the curve that it prints for {run} rises first at epoch {epoch}.',
    "arithmetic_best": (
        "It calls epoch {best} of {run} the best, without improvement afterwards; it prints {loss} there, and "
        "{lower} at "
        "epoch {later}."
    ),
    "arithmetic_size": ('"The larger, the harder": it prints peaks of {peaks}: the second in size has the lowest.'),
    "arithmetic_accuracy": (
        "Accuracy {accuracy} is {correct}/{targets} exactly, as many as there are validation sentences; a random guess "
        "among {vocabulary} words would be right once in {vocabulary}."
    ),
    "arithmetic_overflow": (
        '"Numerical overflow": the largest context norm that it prints is 8.6724; float32 overflows at 3.4e38.'
    ),
    "effects": "What removes it, what delays it, what changes it",
    "effects_lead": (
        "Every arm beside the document's run of the same seed and sentences, at equal progress: up to the epoch at "
        "which its probe loss (median of five epochs) is as low as its control's ever was; an arm that never gets "
        "there is judged over all its epochs. *Removes*: the whole interval of the share of runs that get as far "
        "without a spike of the probe, and without one of the validation loss, lies above a half. *Only delays*: most "
        "runs spike on the probe, a quarter later or more, and the interval of the paired ratio lies above 1. Height "
        "is that of the first probe spike as a multiple of the control's, over the pairs in which both spike. Fewer "
        "than six seeds leave every effect unclear."
    ),
    "effects_header": (
        "arm|what it is|effect|as far, without a probe spike|and without one on validation|median onset, epoch"
        "|height, times the control's"
    ),
    "effects_figure": "Share of runs that get as far as their control without a spike",
    "limits": "What this data could never show",
    "limits_text": (
        "A few dozen short sentences say nothing about long texts: no context here is ever older than a sentence. "
        "A handful of validation sentences with almost half of their words unknown measures, above all, how sure "
        "the model "
        "is that unknown words never come: it can be called over-fitting, but not of the kind that more of the same "
        "sentences would show. A loss that rose alike on every token would give unknown words their share of the "
        "targets, "
        "printed beside. Epochs of two updates are too coarse to see what happens within a spike. That an arm "
        "removes the "
        "spike does not make its mechanism the cause: for that, a run must be taken back to before its spike and "
        "one thing "
        "changed, with equally strong changes to the rivals."
    ),
    "files": "Files",
    "files_text": "[results.json](results.json) holds every run's outcomes; tables: {tables}.",
    "never": "never",
}

# Of the replays of the baseline's spike; the keys of REASONS are those of `replayed.Beside.why`, in order of weight.
OUTCOMES = {
    "removes": "removes it",
    "reduces": "reduces it",
    "delays": "delays it",
    "undecided": "undecided",
    "no effect": "changes little",
    "worsens": "makes it worse",
    "stops learning": "stops learning",
}

AGREEMENTS = {"agree": "yes", "in part": "not on its height", "disagree": "**no**", "": "one is not sure"}

CONCLUSIONS = {
    "untested": "The replays had no time for any change that is aimed at it.",
    "named": (
        "The replays name it: a change aimed at it removes the spike, rivals as strong do not, and planted it brings "
        "one about. Tried {tried} of {of}: {did}."
    ),
    "remedy": (
        "A change aimed at it removes the spike, confirmed: a remedy; that it is the cause is not shown. Tried "
        "{tried} of {of}, moved what they aim at {moved}: {did}."
    ),
    "screened": (
        "A change aimed at it removed the spike in the screen, from which nothing is claimed. Tried {tried} of {of}, "
        "moved what they aim at {moved}: {did}."
    ),
    "amplifier": (
        "None of the changes aimed at it removes the spike, and one shrinks it, confirmed: what it changes feeds the "
        "spike and does not bring it about. Tried {tried} of {of}, moved what they aim at {moved}: {did}."
    ),
    "against": (
        "The replays do not bear it out: none of the changes aimed at it removes the spike. Tried {tried} of {of}, "
        "confirmed {confirmed} (the others screened only), moved what they aim at {moved}: {did}."
    ),
}

REASONS = {
    "set": (
        "**One set of sentences, not six**: {changes}. On the replayed run's own sentences the arm's runs do what the "
        "replays do. The unmodified spike is {own:.1f} nats high there and {others:.1f} on the other sets (medians, on "
        "the probe), so that more of it can go."
    ),
    "start, shown": (
        "**The start**: {changes}. From step {late} only the last {lead} of the {onset} updates before the spike are "
        "changed. From step 0 the replays say what the arm says."
    ),
    "start": (
        "**The start, probably**: {changes}. From step {late} only the last {lead} of the {onset} updates before the "
        "spike are changed, the arm changes all of them; these changes were not replayed from step 0."
    ),
    "measure": (
        "**What is measured**: {changes}. The replays judge the training loss of single batches, with dropout; on the "
        "probe, one fixed batch in evaluation mode, by which the arms are judged, none of these replays spikes."
    ),
    "progress": (
        "**How far they are held to go**: {changes}. A replay has to come as far as the unmodified run was just before "
        "its spike, and goes on for as many updates again; the arm has to come as far as its control ever did."
    ),
    "validation": (
        "**The validation loss**: {changes}. Both say that the spike is gone from the training sentences; they part on "
        "the validation loss."
    ),
    "dose": (
        "**The dose**: {changes}. The ramp of a replay is as long as the way to the onset, {onset} updates; the arm's "
        "has 100."
    ),
    "few": "**Too few replays**: {changes}. A screen has up to three, and nothing is claimed from it.",
    "open": "**Not accounted for** by anything that stands here: {changes}.",
}

REPLAYED = {
    "title": "The spike, replayed",
    "lead": (
        "The baseline on `{set}` was trained with `newllm train --preset seed-baseline`, taken back to before its "
        "spike at update {onset} (an epoch has two), replayed as it was, and then with one thing changed at a time, by "
        "`newllm replay RUN --json` ([how](../../docs/replay.md); {seconds:.0f} core seconds of changed replays). "
        "[{file}]({file}) holds the verdict."
    ),
    "quoted": "In the command's words:",
    "null_identical": "**Null replay**: the unmodified run again, to the bit, over {compared} updates, {weights}.",
    "null_close": (
        "**Null replay**: the unmodified run again within {tolerance:.2g}, over {compared} updates, {weights}."
    ),
    "null_differs": "**Null replay**: it is not the run, so nothing was changed and nothing can be said.",
    "null_unknown": "**Null replay**: there was nothing to compare it with.",
    "weights": "weights too",
    "no_weights": "losses alone",
    "nulls": "With other chance {spiked} of {n} replays spike (begun at step: {starts}).",
    "causes": "What the replays say of the document's three causes",
    "cause": "**{claim}** {conclusion} The arms of the study: **{study}**.",
    "beside": "Each change beside the study's arm",
    "beside_lead": (
        "Both are compared by where the spike goes: gone; gone from the training sentences only; later or earlier, by "
        "a quarter or a fifth, counted from step 0; or about where it was. Where it stays, heights are compared too: "
        "the share of the unmodified spike that is left, in the replays of the excess log-loss of training batches, in "
        "the arms of the probe's rise in nats; two heights agree if their 95 % intervals meet (one replay alone is a "
        "point; a screen's interval is not printed). Bold is confirmed on eight fresh replays, all else is a screen of "
        "up to three. From a late start the "
        "replays' class counts the onset from there, so that two updates can be a delay; the column counts from step "
        "0. The last figures are the arm's onset and height on the replayed run's own sentences, two seeds. "
        "`known-evaluation` changes nothing in training: both are read on the validation loss."
    ),
    "figure": "Share of the spike that each change takes away in the replays",
    "beside_header": (
        "change|from step|replays say|spike|onset, times|height, times|arm|says|onset, times|height, times"
        "|on the same sentences|agree"
    ),
    "count": (
        "Of {n} comparisons {agree} agree, {part} agree on where the spike goes and not on its height, {disagree} "
        "disagree, and in {unsure} one side is not sure. What accounts for the differences:"
    ),
    "others": "Changes that no arm makes",
    "others_header": "change|from step|replays say|spike|onset, times|height, times",
    "not_tried": "Not tried, for want of time or because there is nothing to change in this run: {changes}.",
}
