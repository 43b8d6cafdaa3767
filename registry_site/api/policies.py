"""What browsers may load and run of an answer."""

# Pages run scripts from files of ours alone; styles may stand in them, which the documentation's page needs.
OF_PAGES = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
OF_DATA = "default-src 'none'; frame-ancestors 'none'"
