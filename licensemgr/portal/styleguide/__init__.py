"""What /styleguide shows: tokens and icons as the files say them, and the samples that the components' examples need."""
