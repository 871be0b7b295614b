"""What else a log holds: signals that no other section shows, a small chart each."""

from newllm.messages import Catalogue
from newllm.report.charts.chart import Curves, Section
from newllm.report.charts.figure import figure
from newllm.report.charts.lines import logarithmic, signal_line
from newllm.report.charts.marks import marks_of
from newllm.report.markup import joined, tag
from newllm.report.sections.context import SHOWN as OF_CONTEXT
from newllm.report.sections.curves import SHOWN as OF_CURVES
from newllm.report.sections.layers import STATISTICS
from newllm.report.source import Source
from newllm.words.labels import axis_label
from newllm.words.plain import plain

_MOST = 12
_NAMED = 40
_LONGEST = 160
_BESIDE = {  # they say something only beside another
    *("validation_correct", "validation_count", "validation_classes"),
    *(
        "sample",
        "backwards",
        "backwards_discarded",
        "earlier_tokens_seen",
        "gradient_carried",
        "gradient_of_others",
        "pull_by_place",
        "weight_by_frequency",
        "class_weights_apart",
        "axes_mixed",
        "axes_apart",
        "axes_below",
        "target_uniform",
        "writes_lost",
        "copy_statistics_fresh",
        "entropy_of_guess",
        "token_pairs_new",
        "validation_token_pairs_apart",
        "validation_token_pairs_new",
        "update_skipped",
        "recovery",
        "evaluation_in_training_mode",
    ),
    *("weights_moved", "target_entropy", "softmax_over_batch", "batch_again", "class_unasked", "rows"),
    *("update_in_evaluation_mode", "rows_repeated", "rows_equal", "rows_distinct", "validation_rows", "cross_entropy"),
    "worker_processes",
    *(
        "optimizer_replaced",
        "moments_missing",
        "worker_processes",
        "rows_unasked",
        "positions_as_time",
        "batch_as_time",
        "sigmoid_twice",
        "targets_padding",
        "ends_asked",
        "ends_unasked",
        "ends_padding",
        "end_token",
    ),
    *("relu_on_logits", "sigmoid_on_logits", "tanh_on_logits", "dropout_on_logits"),
    *("softmax_twice", "log_softmax_missing", "log_missing", "targets", "targets_used", "targets_again"),
    *(
        "targets_right",
        "targets_told",
        "targets_mirrored",
        "targets_placed",
        "entropy_weight",
        "own_token_seen",
        "texts",
    ),
    *("choices", "validation_choices", "targets_alike", "target_level", "target_levels_apart"),
    *("target_steps_ahead", "targets_in_window", "later_inputs_seen"),
    *("target_classes_seen", "target_most", "loss_targets", "target_is_input", "target_is_next", "target_is_second"),
}
_BY_TARGET = {*STATISTICS, "context_norm", "validation_loss", "validation_count"}  # shown by layer, position or class


def others(source: Source, words: Catalogue) -> Section | None:
    """Return the section, None where everything is shown elsewhere."""
    names = [name for name, series in source.trace.signals.items() if len(series.step) > 1 and _is_other(source, name)]
    charts = [chart for at, name in enumerate(names[:_MOST]) if (chart := _chart(source, words, name, at)) is not None]
    if not charts:
        return None
    rest = [plain(name, 80) for name in names[_MOST:]]
    more = words("more_signals", count=f"{len(rest):,}", names=", ".join(rest[:_NAMED])) if rest else ""
    html = joined([
        tag("div", *(figure(chart, words) for chart in charts), kind="charts"),
        *([tag("p", more, kind="muted")] if more else []),
    ])  # fmt: skip
    return Section(source.id("others"), words("others"), html, tuple(charts))


def _is_other(source: Source, name: str) -> bool:
    statistic, slash, _ = name.partition("/")
    if name in OF_CONTEXT | OF_CURVES | _BESIDE or len(name) > _LONGEST:
        return False
    return not slash or not (source.own or statistic in _BY_TARGET)


def _chart(source: Source, words: Catalogue, name: str, at: int) -> Curves | None:
    line = signal_line(source, words, name, "training")
    if line is None:
        return None
    return Curves(
        source.id(f"other-{at}"), line.label, axis_label(words, source.trace.axis), "", (line,),
        marks_of(source, words, [name]), log=logarithmic(line),
    )  # fmt: skip
