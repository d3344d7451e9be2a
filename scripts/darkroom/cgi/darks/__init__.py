"""Master darks of the CGI detector in corgidrp's layout."""
