"""What the server tells the pages, in its environment, where other users of the machine cannot see it."""

DATABASE_VARIABLE = "COUNTENANCE_DATABASE_URL"
STUDY_VARIABLE = "COUNTENANCE_STUDY"
