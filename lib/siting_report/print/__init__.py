"""What prints: a document from executed chapters, the page on screen, the report on paper."""
