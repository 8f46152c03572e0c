"""What goes in: scenarios, their messages, and figures from spreadsheets and invoices."""
