"""`newllm bisect`: which change of a program made its training go wrong, proved by running it again.

Delta debugging (Zeller 1999, "Yesterday, my program worked. Today, it does not. Why?"): the program of a sound run is
run with some of the changes that the other run's program has, until a smallest set of them is left that brings the
other run's symptom about. A copy of the program's directory is what runs; nothing of the user's is written.

change     one thing that differs between two programs
hunks      the changes of their files
options    the changes of their command lines
programs   both together: the changes, in the order in which they are tried, and the program with some of them
search     the smallest set of changes (ddmin)
symptom    what a run shows that the sound one does not, and whether a trial shows it too
tree       the copy that trials run in
trial      one run of the program, stopped once it has shown enough
result     what came out, as data
store      RUN/bisection.json
session    all of it in order
"""
