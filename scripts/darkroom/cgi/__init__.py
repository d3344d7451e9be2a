"""Roman CGI's EMCCD: frames and stacks, noise maps, master dark, synthesized dark."""
