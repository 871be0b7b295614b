"""Where the numbers stand that the kernel is given: fields of a stage and of a job, both rows of 64-bit integers."""

MIX, MIX_OUT, UP, DOWN, HEAD, PROJECT, MATRICES = range(7)

# A stage of one thread is a row of 64-bit integers. A group is what stands for 16 channels: 1 to 4 panels.
KIND, PANELS, FIRST, LAST, WEIGHTS, INPUTS, COUNT, NORM = range(8)
TAP_WEIGHTS, KEEP, ADMIT, CONTEXT, TAIL, OUTPUTS = range(8, 14)
HEADS, KEYS, EACH_KEY, STRONGEST, QUERIES, WRITES, FORGETS, GATES = range(14, 22)  # the last four: bytes in PROJECTED
STAGE_FIELDS = 22

# What all threads share for a call is a row of 64-bit integers too: first what is new each time, then the shape,
# then where the stream and what lies between the stages stand, `STRIDE` bytes from a row to the next one, and each
# thread's own room, with the places in it. TOKENS, BEFORE, AFTER and LOGITS_OF are addresses of arrays of integers: of
# each row its token, the address of the state that it goes on from (0: from the row above) and of the state that it
# leaves (0: none, the row below goes on), and the rows whose logits are wanted.
ROWS, LOGITS, LOGITS_ROWS, ALONE, DONE, SOURCE = range(6)
TOKENS, BEFORE, AFTER, LOGITS_OF = range(6, 10)
EMBEDDING, LEARNED, WIDTH, VOCABULARY, READS, PAIRS, TRIPLES, NGRAM_ROWS = range(10, 18)
X, MIXED, HIDDEN, CONTEXTS, STRIDE, ROOMS, ROOM_SIZE, TAKEN, SUMS, PROJECTED, WIDE = range(18, 29)
JOB_FIELDS = 29

VECTORS = 8  # of a head, in the room of the sums
