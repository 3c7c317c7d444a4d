"""The page that people look at: facts in SQL, folded into cubes, laid into one HTML file."""
