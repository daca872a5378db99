"""The verbs: one file, one public function, one transaction."""
