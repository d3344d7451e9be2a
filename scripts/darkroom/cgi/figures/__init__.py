"""The figures of a CGI item and the text beside them."""
