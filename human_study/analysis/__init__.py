"""Statistics, without Streamlit or charts."""
