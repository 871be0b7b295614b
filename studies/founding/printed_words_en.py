"""The English words of the page's section on every figure that the document prints; the Japanese ones beside it."""

MEASURES = {
    "validation_loss": "validation loss, epoch {epoch}",
    "train_loss": "training loss, epoch {epoch}",
    "rise": "rise of the validation loss to epoch {epoch}",
    "validation_perplexity": "validation perplexity, epoch {epoch}",
    "train_perplexity": "training perplexity, epoch {epoch}",
    "times_the_usual": "perplexity, epoch {epoch}, times that of the best epoch",
    "context_mean": "mean of the context, epoch {epoch}",
    "context_std": "standard deviation of the context, epoch {epoch}",
    "context_norm": "norm of the context, epoch {epoch}",
    "best_validation": "best validation loss",
    "best_epoch": "best epoch",
    "epochs_after_best": "epochs of training after the best",
    "accuracy": "validation accuracy, mean of epochs 1 to 50",
    "epochs_at_that_accuracy": "epochs with exactly that accuracy",
    "parameters": "parameters",
    "parameters_by_the_baseline's": "parameters, times the baseline's",
    "vocabulary": "vocabulary, words and special tokens",
    "train_targets": "training targets",
    "validation_targets": "validation targets",
}

REASONS_NOT_COMPARED = {
    "claim-1": "epochs at which every run is said to spike: claim 1 tests it",
    "claim-2": "times by which losses are said to rise: claim 2 tests it",
    "no-number": "epochs at which the context is said to be small, large or too large, without a number of it: claim 5",
    "claim-10": "epoch at about which all runs are said to stop improving: claim 10 tests it",
    "rounded": "the best losses above, rounded",
    "arithmetic": "arithmetic, not a measurement: accuracy 0.1714 is 6/35",
    "setting": "a setting: ours is the same",
    "remedy": "a setting of a remedy that the document proposes: an arm of the study has it",
}

CANDIDATES = {
    "validation, ends": "validation sentences, after the last token of each",
    "validation, all positions": "validation sentences, after every token",
    "validation, ends of the padding": "validation sentences, after the padding to 31 positions",
    "validation, all positions and the padding": "validation sentences, after every position, padding included",
    "training, ends": "16 training sentences, after the last token of each",
    "training, all positions": "16 training sentences, after every token",
}

PRINTED = {
    "title": "Every figure of the document beside ours",
    "tally": (
        "Of {compared} comparisons with figures of the document {reproduced} are reproduced and {not_reproduced} are "
        "not; {not_compared} more figures cannot be compared."
    ),
    "not": "Not reproduced are {figures}.",
    "lead": (
        "A figure of the document is of one run. It is **reproduced** where it lies within the 95 % prediction "
        "interval of ours: where one more run of ours, with another seed and other sentences, would lie in 95 of 100 "
        "cases. The interval is Student's over runs, of the logarithm for losses, perplexities, norms and other "
        "sizes; counts must be equal; the rounding of the printed figure is allowed for. Beside our median stands its "
        '95 % interval, by resampling sentences and seeds. § is the section of the document; "table" is the table of '
        "runs that accompanies it. A run that ended before an epoch has no value there."
    ),
    "worth": (
        "Not all that is reproduced says much. {counts} comparisons are counts that follow from the configuration, "
        "{accuracy} are of an accuracy that never changes, and of {wide} the interval's upper end is more than three "
        "times its lower: in the middle of a spike almost any number lies inside. A perplexity says what its loss "
        "says, and experiment 3 begins as experiment 2. Two figures contradict others of the document itself: 66,436 "
        "is the perplexity of the baseline's epoch 19 and not of experiment 1's, and the baseline's loss at its best "
        "epoch, 18, is not its lowest. They are compared as they are printed. Runs count as independent, though of "
        "more than six some share sentences; the document's own sentences are not ours; for the number of comparisons "
        "nothing is corrected."
    ),
    "runs": (
        "Values are of {seeds} seeds on {sets} sets of sentences, on "
        "{cpu} with torch {torch}, one thread a run, by `newllm study "
        "founding-figures` ([figures.json](figures.json)); those with a * are of the study's own {study_seeds} seeds "
        "on its machine ([results.json](results.json)). Bits differ between processors: the {pairs} runs that both "
        "have made differ in their best validation loss by {middle:.2g} nats in the median and {most:.2g} at most."
    ),
    "header": "figure|document|verdict|ours: median [95 %]|one more run of ours [95 %]|runs",
    "all_runs": "all runs",
    "section": "{text} (§{place})",
    "table": "{text} (table)",
    "every_epoch": "every epoch",
    "factor": "{value:.2g} times ours",
    "difference": "{value:+.3g} from ours",
    "reasons_header": "figure|why",
    "losses": "Losses",
    "perplexities": "Perplexities",
    "contexts": "Statistics of the context",
    "best": "Best losses and epochs",
    "accuracy": "Accuracy",
    "sizes": "Model and data",
    "settings": "What cannot be compared",
    "contexts_text": (
        "Ours are of the contexts after the last token of each validation sentence: mean and standard deviation over "
        "all channels of all of them, and the mean of their Euclidean norms, as `newllm train` records them for its "
        "batches. Which vectors the document means, it does not say. The three are not of one vector: for n channels "
        "norm² = n (std² + mean²), which gives n = {n_baseline:.0f} for the baseline, which has 256, and n = "
        "{n_experiment2:.0f} for experiment2, which has 512. If they are of several vectors and the norm is the mean "
        "of theirs, it is {share_baseline:.3f} and {share_experiment2:.3f} of the root mean square norm: a share that "
        "is 1 where all are equally long and never more (with 256 channels experiment2 would need {impossible:.2f}). "
        "Below, the share is that of ours for each set of vectors that may be meant (median [lowest, highest]), and "
        "norm and deviation are our prediction intervals, with whether the document's lie inside."
    ),
    "candidates_header": "vectors|run|share|norm|deviation",
    "document": "the document's",
    "norms_text": (
        "After how many tokens ours are as short as the document's: norms after the first tokens of 16 training "
        "sentences, median and prediction interval."
    ),
    "norms_header": "tokens read|baseline (document 7.1440)|experiment2 (document 8.6724)",
    "inside": "inside",
    "outside": "outside",
    "accuracy_text": "Validation accuracy after some epochs, median [lowest, highest] of the runs:",
    "epoch": "epoch",
}

REPRODUCED = {
    "reproduced": "● reproduced",
    "not reproduced": "○ not reproduced",
    "cannot be compared": "cannot be compared",
}
