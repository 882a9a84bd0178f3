"""What survives a crash: the folder, its ledger, and who works on what."""
