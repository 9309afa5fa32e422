"""The commented study file that `human-study init` writes."""

STUDY_TEMPLATE = """\
# A study: which decisions, with which help, by whom. Check and serve it: human-study serve {file_name}
# Once the study has begun, this file is part of its record, and its hash is stored with every decision: to change it,
# give it a new name. Keys after a # are optional and show their defaults or an example.

name: {name}                  # lower-case letters, digits, _
title: {title}    # what participants read as the study's name
language: {language}                  # what participants read: en, de, or another language with its folder of texts
{language_folder}  # its texts: human-study init --language fr writes them for you to translate
task: {task}            # a shipped task (lending_club, consumer_credit), or the path of a task.yaml
bundle: {bundle}    # the first round's advice: advisor publish --explore --task T --out BUNDLE
database: {database}     # relative to the folder in which the server starts; or postgresql://USER@HOST/NAME

participants: {participants}          # people or simulated; what is simulated is labelled, and the two are never mixed
# true: people may be shown advice learned from simulated participants; the consent text then says so
allow_simulated_advisor: {allow_simulated_advisor}

# What is shown beside the application, and how many participants get it: a share (a weight), or share and quota.
#   none (nothing), score (a percentage), face, shuffled (the face of another application),
#   risk_to_smile (the machine's risk drawn as a smile),
#   examples (face, and three past cases with the most similar faces and their outcomes; needs trials.learning)
# A quota counts active and completed participants in one round. While the study runs you can raise quotas and close
# conditions.
conditions:
  face: {{share: 1, quota: 100}}
  none: {{share: 1, quota: 100}}

trials:
  main: 40                    # decisions that count; half of the applications had each outcome
  test_share: 0.5             # of them on applications that are never trained on; accuracy is measured there
  practice: 4                 # before them: with feedback, without advice, the same in every condition
  learning: 0                 # then: with advice and feedback, to learn from; not counted. You can then omit practice
  attention: 2                # among the main trials: trials that say what to choose
  repeated: 4                 # main trials of the first half, shown again later
  stages: 1                   # 2: decide, see the advice, decide again
  confidence_points: 5        # 2, 3, 4, 5, 7, 9 or 11 points after each decision; 0: not asked
  reason_share: 0.1           # share of the main trials that ask for a reason in words

# expected_minutes: 15         # how long taking part takes, as stated on the first pages

# Nobody's bonus is lower than the mean bonus of the condition none, because chance decides who gets which help.
payment:
  currency: USD
  base: 3.00
  bonus_per_correct: 0.05     # per correct main decision; to list bonuses: human-study bonuses {file_name} --out FILE
  # most: 250                 # only if one participant could earn more than 200: confirms that this is intended
  # screened_out: 0.20        # paid to people who cannot take part; below: who stop, or run out of time
  # returned: 0
  # timed_out: 0

# Where participants come from. Links carry PROLIFIC_PID, workerId or id; a plain link carries nothing.
recruitment:
  platform: link              # link, prolific, mturk or sona
  # completion_code: C1A2B3   # default: a separate code for every participant
  # completion_url: https://app.prolific.com/submissions/complete?cc=C1A2B3    # {{external_id}} is filled in
  # screened_out_code: S1A2B3
  # screened_out_url: https://app.prolific.com/submissions/complete?cc=S1A2B3
  # returned_code: R1A2B3     # for people who stop or do not consent
  # returned_url: https://app.prolific.com/submissions/complete?cc=R1A2B3
  # timed_out_code: T1A2B3    # for people who run out of time
  # timed_out_url: https://app.prolific.com/submissions/complete?cc=T1A2B3
  # full_code: F1A2B3         # for people who come when no place is left
  # full_url: https://app.prolific.com/submissions/complete?cc=F1A2B3

# not_from: [{name}_pilot]    # studies in the same database whose participants cannot take part, such as a pilot

time_limits:
  idle_minutes: 60            # a place without activity for this long is given to someone else
  # total_minutes: 240        # from the first click to the end, pauses included

# Whose decisions are left out of the results. Declare this before there are any.
exclusions:
  failed_attention: 2         # people who failed at least this many attention checks
  # median_response_time_ms: 400        # people whose median time on main trials is shorter
  # one_choice_only: true     # people who made the same choice on every main trial

# How the study will be analysed. Declare it before there are decisions: preregistration, report, pages and power use
# it, and the report mentions any later change. p values are Holm-corrected over this family only.
# analysis:
#   primary: face against none            # balanced accuracy on test applications
#   family: [face against score, face against shuffled]     # default: face against every other condition
#   direction: two_sided      # better: one-sided, is the first condition more accurate?
#   equivalence_margin: 0.05  # of balanced accuracy
#   looks_at: [100, 200]      # show outcomes when this many have completed the round; default: when it is closed
#   response_times:           # which ones count; the decisions still count for accuracy
#     at_least_ms: 200
#     at_most_ms: 120000

# Who can take part at all. Any other answer ends the participation, with the code for screening out.
screening:
  - id: adult
    question: Are you 18 years old or older?
    options: ["Yes", "No"]
    accept: ["Yes"]

# After the instructions. Nobody is turned away: wrong answers are explained and the questions asked again. Default: the
# shipped questions, which ask what a face can and cannot tell; []: none.
# comprehension:
#   - id: goal
#     question: When is a decision right?
#     options: ["When ...", "When ..."]
#     right: "When ..."
#     explanation: A decision is right when ...

# After the trials. Default: the shipped questions; []: none.
# questionnaire:
#   - {{id: strategy, question: How did you decide?, kind: text}}
#   - {{id: age, question: How old are you?, kind: number, minimum: 18, maximum: 120}}
#   - {{id: trust, question: Did you trust it?, kind: choice, options: ["Yes", "No"], required: true}}

# What people see in faces. Asked after the decision, in conditions that show a face; only a trained advisor's faces
# tell a column. Being asked makes people look more closely: ask in a pilot, or on few of the main trials.
# perception_questions:
#   trials: 6                 # main trials that ask one of the questions, spread evenly
#   columns: [debt]           # not among the facts, told by the faces: was it higher or lower than usual?
#   sureness: true            # how sure did the face look?

# After the main trials, in every condition: in which of two pictures is an axis stronger? This measures how finely
# people see; `advisor train` can use the looking noise that the report finds.
# pairs:
#   number: 36                # pairs, shared equally among the axes
#   axes: [smile, inner_brow_raise]    # default: all axes that the faces move

# Your own words, in Markdown; texts that you leave out keep the shipped wording.
# texts:
#   welcome: ...
#   consent: |
#     You are invited ...
#   instructions: ...
#   debrief: ...

# What people have a right to know. Shown with the consent text; nobody is recruited until it is complete.
ethics:
  approval:                   # which board approved the study, and its reference
  # exemption:                # or: why it needs no approval, and who says so
  contact:                    # who is responsible, and how to reach them
  retention_days:             # how long recruitment ids are kept after the study closes
  withdrawal:                 # what happens to the data of people who stop, and how to have them erased
  # risks: ...                # one sentence each, if there is something to say
  # benefits: ...
  # sharing: ...              # with whom the data are shared, and in what form
"""
