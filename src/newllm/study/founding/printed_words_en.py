"""The English words of the page's section on every figure that the document prints; the Japanese ones beside it."""

MEASURES = {
    "validation_loss": "validation loss, epoch {epoch}",
    "train_loss": "training loss, epoch {epoch}",
    "rise": "rise of the validation loss to epoch {epoch}",
    "validation_perplexity": "validation perplexity, epoch {epoch}",
    "train_perplexity": "training perplexity, epoch {epoch}",
    "times_the_usual": "perplexity by the usual one (that of the best epoch), epoch {epoch}, times",
    "context_mean": "mean of the context, epoch {epoch}",
    "context_std": "standard deviation of the context, epoch {epoch}",
    "context_norm": "norm of the context, epoch {epoch}",
    "best_validation": "best validation loss",
    "best_epoch": "best epoch",
    "epochs_after_best": "epochs of training after the best",
    "accuracy": "validation accuracy, mean of epochs 1 to 50",
    "epochs_at_that_accuracy": "share of epochs with exactly that accuracy",
    "parameters": "parameters",
    "parameters_by_the_baseline's": "parameters, times the baseline's",
    "vocabulary": "vocabulary, words and special tokens",
    "train_targets": "training targets",
    "validation_targets": "validation targets",
}

REASONS_NOT_COMPARED = {
    "claim-1": "epochs at which every run is said to spike, not a measurement: claim 1",
    "claim-2": "times by which losses are said to rise, not a measurement: claim 2",
    "no-number": "epoch at which the context is said to be critical, without a number of the context: claim 5",
    "claim-10": "epoch at about which all runs are said to stop improving: claim 10",
    "rounded": "the best losses above, rounded",
    "arithmetic": "arithmetic, not a measurement: accuracy 0.1714 is 6/35",
    "setting": "a setting: ours has it too",
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
    "lead": (
        "A figure of the document is of one run. It is **reproduced** where it lies within the 95 % prediction "
        "interval of ours: where one more run of ours, with another seed and sentences of its own, would lie in 95 "
        "of 100 cases (Student's t over runs; sizes such as losses, perplexities and norms in the logarithm, the "
        "rest as it is; counts must be equal; rounding of the printed figure is allowed for). Else it is **not "
        "reproduced**, and the table says how far it is from our median. The rule stood before the figures were "
        "compared. Where our runs differ much, as in the middle of a spike, the interval is wide, and being inside "
        "says little. Runs are counted as independent, though of more than six some share sentences; the document's "
        "own sentences are not ours. No correction is made for the number of figures."
    ),
    "runs": (
        "Values are of {seeds} seeds on {sets} sets of sentences, on "
        "{cpu} with torch {torch}, one thread a run, by `newllm study "
        "founding-figures` ([figures.json](figures.json)); those with a * are of the study's own {study_seeds} seeds "
        "on its machine ([results.json](results.json)). Bits differ between processors: the {pairs} runs that both "
        "have made differ in their best validation loss by {middle:.2g} nats in the median and {most:.2g} at most."
    ),
    "tally": (
        "Of {all} figures {reproduced} are reproduced, {not_reproduced} are not, and {not_compared} cannot be compared."
    ),
    "header": "figure|document|verdict|ours, median|one more run of ours, 95 %|runs",
    "all_runs": "all runs",
    "section": "{text} (section {place})",
    "table": "{text} (table of runs)",
    "factor": "{value:.3g} times ours",
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
        "all channels of all of them, the norm the mean of their Euclidean norms, as `newllm train` records them for "
        "its batches. The document does not say which vectors it means. Of a single vector of n channels the three "
        "would obey norm² = n (std² + mean²): that gives n = {n_baseline:.0f} for the baseline, which has 256, and "
        "{n_experiment2:.0f} for hidden 1024, which has 512. So they are of several vectors of unlike lengths, and "
        "the norm is the mean of theirs: {share_baseline:.3f} and {share_experiment2:.3f} of the root mean square "
        "norm that mean and deviation give (1 if all were equally long, never more). A context of 256 for hidden "
        "1024 is ruled out: it would need {impossible:.2f}. The same shares of ours, by the vectors that may be "
        "meant, and whether norm and deviation of the document lie within the prediction interval:"
    ),
    "candidates_header": "vectors|share, baseline (document {share_baseline:.3f})|norm / deviation"
    "|share, hidden 1024 (document {share_experiment2:.3f})|norm / deviation",
    "norms_text": (
        "The norms of ours after the first tokens of 16 training sentences (median, and whether the document's lies "
        "within the prediction interval): which tokens leave a context as short as the document's."
    ),
    "norms_header": "tokens read|baseline (document 7.1440)|hidden 1024 (document 8.6724)",
    "inside": "inside",
    "outside": "outside",
    "accuracy_text": "Validation accuracy after some epochs, median [lowest, highest] of the runs:",
    "epoch": "epoch",
}

REPRODUCED = {
    "reproduced": "reproduced",
    "not reproduced": "not reproduced",
    "cannot be compared": "cannot be compared",
}
