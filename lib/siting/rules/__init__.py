"""Data sovereignty, compliance and licences: rules as data, judged flow by flow."""
