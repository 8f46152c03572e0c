"""Cash flows of every option, what follows from them, and how sure that is."""
