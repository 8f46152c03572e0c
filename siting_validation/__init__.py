"""Published measurements against the kit: each row predicted, errors, and the page of them."""
