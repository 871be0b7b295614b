"""What a page draws: charts as plain data, their places on a page, and small drawings that need no script."""
