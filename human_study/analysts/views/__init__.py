"""The analyst app's pages. Streamlit would serve a folder called `pages` beside its script by itself."""
