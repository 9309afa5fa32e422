"""A participation under way, without Streamlit."""
