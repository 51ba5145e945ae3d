"""What a person's dialogue needs besides the loop: sessions that survive a crash, and their export to other formats."""
