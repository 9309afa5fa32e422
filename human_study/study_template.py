"""The commented study file that `human-study init` writes."""

STUDY_TEMPLATE = """\
# A study: which decisions, with which help, by whom. Check and serve it: human-study serve {file_name}
# Once the study has begun, this file is part of its record: to change it, give it a new name.

name: {name}                  # lower-case letters, digits, _
title: Deciding on loan applications
task: {task}            # a shipped task (lending_club, consumer_credit), or the path of a task.yaml
bundle: {bundle}    # the first round's advice: advisor publish --explore --task T --out BUNDLE
database: {database}     # or postgresql://USER@HOST/NAME

participants: people          # people or simulated; what simulated ones do is labelled so, and never mixed
# true: people may meet advice that was learned from simulated ones; the consent text then says so
allow_simulated_advisor: {allow_simulated_advisor}

# What stands beside the application, and how many participants get it, as weights:
#   none (nothing), score (a percentage), face, shuffled (the face of another application),
#   risk_to_smile (the machine's risk drawn as a smile)
conditions:
  face: 1
  none: 1

trials:
  main: 40                    # decisions a participant
  test_share: 0.5             # of them on applications that are never trained on; accuracy is measured there

time_limit_minutes: 60        # a place that nobody was seen at for so long goes to somebody else

# Where participants come from. Links carry PROLIFIC_PID, workerId or id; a plain link carries nothing.
recruitment:
  platform: link              # link, prolific, mturk or sona
  # completion_code: C1A2B3   # left out: every participant gets a code of their own
  # completion_url: https://app.prolific.com/submissions/complete?cc=C1A2B3

# Your own words, in Markdown (the welcome text in plain paragraphs); what is left out keeps the shipped text.
# texts:
#   welcome: ...
#   consent: |
#     Who is responsible, whom to ask, what is kept for how long ...
#   instructions: ...
#   debrief: ...
"""
