"""Update rules of matrix contexts, one file each: what the delta rule (`matrix_scan`) is given at a position."""

from newllm.recurrence.matrix_rules.gated_delta import GatedDelta, KimiDelta, SignedDelta
from newllm.recurrence.matrix_rules.rule import MatrixRule

MATRIX_RULES: dict[str, type[MatrixRule]] = {rule.name: rule for rule in (GatedDelta, SignedDelta, KimiDelta)}

__all__ = ["MATRIX_RULES", "GatedDelta", "KimiDelta", "MatrixRule", "SignedDelta"]
