"""The demo: an invented clinic whose patients' telephones lie on a page. Nobody in it is real."""
