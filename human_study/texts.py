"""What participants read, in Markdown, where the study file brings no text of its own."""

CONSENT = """
You are invited to take part in a study of how people decide with and without the help of a computer.

**What you do.** You read {n_trials} {noun}s, one after the other, and decide on each.

**What is kept.** Your decisions, how long each took, and how often you left the page or pressed a key
(never which key). All of it is kept under a random key. Your name is not asked for.

**Your choice.** Taking part is voluntary. You can stop at any time with "Stop taking part", without giving
a reason and without any disadvantage.
"""

SIMULATED_ADVISOR = """
**Please note.** The computer program whose advice may be shown in this study learned from *simulated* people,
not from real ones.
"""

INSTRUCTIONS = """
You will see {n_trials} real {noun}s, one at a time. For each, decide what you would have done:
**{approve}** or **{deny}**.

Each {noun} comes from the past, and what became of it is known. About half of those you will see ended as
"{positive}" and half as "{negative}", in random order. Try to approve the first kind and to deny the second.
"""

ABOUT_FACTS = """
**What some of the facts mean.**
"""

ABOUT_FACES = """
**The face.** Beside each {noun} you see a face. A computer drew it; the person does not exist and is not the
one behind the {noun}. Depending on the group you are in, its expression may reflect this {noun}, another one,
or nothing at all. It can mislead you. How far you rely on it is up to you.
"""

ABOUT_SCORES = """
**The estimate.** Beside each {noun} you see a computer's estimate of how likely it is to be {positive}. It
was made from past {noun}s. It can be wrong. How far you rely on it is up to you.
"""

ABOUT_CONTROLS = """
**How to answer.** Click one of the two buttons, or press **F** for "{approve}" and **J** for "{deny}". The
next {noun} follows at once; a decision cannot be changed afterwards. Please take the time you need, and do
not leave the page in between. Should the connection fail or the page be reloaded, you go on where you
stopped.
"""

DEBRIEF = """
In this study, people decide on the same kind of {noun}s with different help: with a face that a computer
drew, with an estimate in numbers, or without any. The faces belong to nobody. We want to find out which help
leads to better decisions. Thank you for your part in it.
"""

ENDED = {
    "returned": "You stopped taking part. Nothing more is recorded. Thank you for your time.",
    "timed_out": "The time for taking part is over, so nothing more can be recorded.",
    "screened_out": "You cannot take part in this study. Thank you for your interest.",
}

PLAYER = {
    "region": "Trials",
    "choices": "Your decision",
    "face": "A face that a computer drew",
    "loading": "Loading…",
    "saving": "Saving your last decisions…",
    "done": "That was the last one.",
    "offline": "No connection. Your decisions are kept on this device and are sent as soon as it is back.",
    "stopped": "This page is no longer the one in use. Please reload it.",
}
