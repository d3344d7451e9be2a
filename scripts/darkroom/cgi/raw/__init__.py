"""From raw CGI frames (L1) to electrons: prescan, cosmic rays, non-linearity."""
