"""What is known about membership inference attacks, and what follows from it. Loads no torch."""
