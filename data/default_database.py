"""Where decisions are kept unless a command or a study file says otherwise."""

DEFAULT_DATABASE_URL = "sqlite:///var/countenance.db"  # relative to the current folder
